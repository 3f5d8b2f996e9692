// Node's own HTTP server with the paths that clients_test.py asks for; see server.py. Keep-alive ends after 5 s, as
// Node has it by itself, or after the milliseconds given third.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');

const [folder, address, keepAlive] = process.argv.slice(2);

function sendBytes(query, response) {
  const file = path.join(folder, String(Number(query.get('n'))));
  const source = fs.createReadStream(file, {highWaterMark: 1 << 16});
  if (!query.get('chunked')) {
    response.setHeader('Content-Length', fs.statSync(file).size);
    return source.pipe(response);
  }
  const hash = crypto.createHash('sha256');
  response.setHeader('Trailer', 'x-sum');
  source.on('data', (piece) => hash.update(piece));
  source.on('end', () => {
    response.addTrailers({'x-sum': hash.digest('hex')});
    response.end();
  });
  source.pipe(response, {end: false});
}

function receiveBytes(request, response) {
  const hash = crypto.createHash('sha256');
  let length = 0;
  request.on('data', (piece) => {
    hash.update(piece);
    length += piece.length;
  });
  request.on('end', () => response.end(`${length} ${hash.digest('hex')}`));
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://x');
  if (url.pathname === '/bytes') return sendBytes(url.searchParams, response);
  if (url.pathname === '/hash') return receiveBytes(request, response);
  response.end('node\n');
});
server.requestTimeout = 0;
if (keepAlive) server.keepAliveTimeout = Number(keepAlive);
const [host, port] = (address || '127.0.0.1:0').split(':');
server.listen({host, port: Number(port), backlog: 2048}, () => console.log(server.address().port));
