// The demo's `web` on Kubernetes: an ordinary Node server that knows nothing of a mesh. web.js PORT NEXT_URL
const http = require('http');
const os = require('os');
const [port, next] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true});

const answer = (response, status, body) => {
  response.writeHead(status, {'content-type': 'application/json'});
  response.end(JSON.stringify(body));
};

const server = http.createServer((request, response) => {
  if (request.url === '/ready') return answer(response, 200, {});
  const id = request.headers['x-request-id'] || '';
  http.get(next, {agent, headers: {'x-request-id': id}}, (reply) => {
    let text = '';
    reply.on('data', (part) => { text += part; });
    reply.on('end', () => answer(response, reply.statusCode, {instance: os.hostname(), next: text}));
  }).on('error', (error) => answer(response, 502, {instance: os.hostname(), error: error.message}));
});
server.listen(Number(port));
process.on('SIGTERM', () => process.exit(0));
