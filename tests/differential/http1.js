// Reads what http1-messages wrote with the strict HTTP/1 parser of Node (llhttp) and compares what it understands:
// each line must be exactly one request with the same method, target, fields, body and trailers.
// Usage: http1-messages FOLDER ROUNDS | node http1.js
'use strict';
const http = require('http');
const {Duplex} = require('stream');

const OURS = ['connection', 'transfer-encoding', 'content-length', 'upgrade'];   // written anew at each hop

function text(raw, all) {
  let lines = '';
  for (let i = 0; i < raw.length; i += 2) {
    if (all || !OURS.includes(raw[i].toLowerCase()) && !(raw[i].toLowerCase() === 'te')) lines += `${raw[i]}: ${raw[i + 1]}\n`;
  }
  return lines;
}

function read(bytes) {
  return new Promise((resolve) => {
    const seen = [];
    let started = 0;
    const server = http.createServer({maxHeaderSize: 256 * 1024, requireHostHeader: true});
    const finish = (error) => resolve({seen, error: error || (started === 1 ? undefined : `${started} requests`)});
    const write = (chunk, encoding, done) => {
      if (/^HTTP\/1\.1 [45]/.test(chunk.toString('latin1'))) finish('answered by Node itself');
      done();
    };
    const socket = new Duplex({read() {}, write});
    const onRequest = (request, response) => {
      ++started;
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        const body = Buffer.concat(parts).toString('latin1');
        seen.push(`${request.method}\n${request.url}\n${text(request.rawHeaders)}\n${body}\n${text(request.rawTrailers, true)}`);
        response.end();
        setImmediate(finish);
      });
    };
    server.on('request', onRequest);
    server.on('checkContinue', onRequest);
    server.on('checkExpectation', onRequest);
    server.on('clientError', (error) => finish(error.code));
    server.emit('connection', socket);
    socket.push(bytes);
    socket.push(null);
  });
}

// A message that is never answered leaves Node nothing to wait for: that is a failure too.
process.exitCode = 1;

async function main() {
  const lines = require('fs').readFileSync(0, 'latin1').split('\n').filter(Boolean);
  let wrong = 0;
  for (const line of new Set(lines)) {
    const [bytes, meaning] = line.split(' ').map((hex) => Buffer.from(hex, 'hex'));
    const {seen, error} = await read(bytes);
    if (seen.length === 1 && !error && seen[0] === meaning.toString('latin1')) continue;
    if (++wrong <= 5) console.log('DIFFERS', error, JSON.stringify(bytes.toString('latin1')), JSON.stringify(meaning.toString('latin1')), JSON.stringify(seen));
  }
  console.log(`${new Set(lines).size} distinct messages, ${wrong} read differently by llhttp ${process.versions.llhttp}`);
  process.exitCode = wrong === 0 && lines.length > 0 ? 0 : 1;
}

main();
