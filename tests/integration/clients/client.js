// Node's own HTTP client: client.js URL FOLDER SIZES MOVES [PROXY]; see client.py. One keep-alive connection.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');

const [url, folder, sizes, moves, proxy] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
const sums = JSON.parse(fs.readFileSync(`${folder}/sums.json`));

function send(method, path, headers, source) {
  const base = new URL(proxy ? `http://${proxy}` : url);
  const options = {host: base.hostname, port: base.port || 80, method, agent, headers: {...headers},
                   path: proxy ? url + path : path};
  if (proxy) options.headers.host = new URL(url).host;
  return new Promise((resolve, reject) => {
    const request = http.request(options, resolve);
    request.on('error', reject);
    source ? source.pipe(request) : request.end();
  });
}

function digest(response) {
  return new Promise((resolve, reject) => {
    const hash = crypto.createHash('sha256');
    let length = 0;
    response.on('data', (piece) => {
      hash.update(piece);
      length += piece.length;
    });
    response.on('end', () => response.statusCode === 200 ? resolve(`${length} ${hash.digest('hex')}`) :
                                                           reject(new Error(`status ${response.statusCode}`)));
    response.on('aborted', () => reject(new Error('the answer was cut')));
  });
}

async function text(response) {
  let all = '';
  for await (const piece of response) all += piece;
  return all;
}

function expect(what, got, want) {
  if (got !== want) throw new Error(`${what}: ${got} instead of ${want}`);
}

async function main() {
  for (const size of sizes.split(',')) {
    const want = `${size} ${sums[size]}`;
    for (const move of moves.split(',')) {
      const chunked = move.endsWith('chunked');
      if (move.startsWith('down')) {
        const down = await send('GET', `/bytes?n=${size}${chunked ? '&chunked=1' : ''}`, {});
        expect(`${move} of ${size}`, await digest(down), want);
        continue;
      }
      const headers = chunked ? {'Transfer-Encoding': 'chunked'} : {'Content-Length': size};
      const up = await send('POST', '/hash', headers, fs.createReadStream(`${folder}/${size}`, {highWaterMark: 1 << 16}));
      expect(`${move} of ${size}`, await text(up), want);
    }
  }
  agent.destroy();
}
main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
