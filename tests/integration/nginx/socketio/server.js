// One instance of an app that speaks Socket.IO: says its name, and counts the requests that it refuses.
'use strict';
const http = require('http');
const { Server } = require('socket.io');

const [name, port] = process.argv.slice(2);
const refused = [];
const server = http.createServer((request, response) => response.end(JSON.stringify({ name, refused })));
const io = new Server(server);

io.engine.on('connection_error', (error) => refused.push(error.message));
io.on('connection', (socket) => socket.on('who', (answer) => answer(name)));
server.listen(port, '127.0.0.1');
process.on('SIGTERM', () => io.close(() => process.exit(0)));
