// Socket.IO clients that ask without pause which instance they are on. Told what to do, and asked what they saw, by HTTP.
'use strict';
const http = require('http');
const { io } = require('socket.io-client');

const [site, port] = process.argv.slice(2);
const EVERY = 500;
const clients = [];

// Keeps a client's cookies as a browser does, for all its requests and from one connection to the next; names the site.
// Connections are not kept: where a server closes an idle one that the client is about to use, which is what a reload does, its
// XMLHttpRequest (xmlhttprequest-ssl 2.1.2) starts the request again and never ends it. Browsers do.
class Browser extends http.Agent {
  cookies = new Map();

  addRequest(request, options) {
    const sent = [...this.cookies].map(([name, value]) => `${name}=${value}`);
    request.setHeader('Host', 'www.example.com');
    if (sent.length) request.setHeader('Cookie', sent.join('; '));
    for (const event of ['response', 'upgrade']) request.once(event, (response) => this.keep(response));
    super.addRequest(request, options);
  }

  keep(response) {
    for (const cookie of response.headers['set-cookie'] || []) {
      const [, name, value] = cookie.match(/^([^=]+)=([^;]*)/);
      this.cookies.set(name, value);
    }
  }
}

class Client {
  homes = [];
  sessions = [];
  losses = [];
  errors = [];
  answers = 0;

  constructor(transports) {
    this.socket = io(site, {
      agent: new Browser(),
      forceNew: true,
      reconnectionDelay: 100,
      transports
    });
    this.socket.on('connect', () => {
      this.sessions.push(this.socket.id);
      this.ask();
    });
    this.socket.on('disconnect', (reason) => this.losses.push(reason));
    this.socket.on('connect_error', (error) => this.errors.push(`${error.message}: ${error.description}`));
    setInterval(() => this.ask(), EVERY);
  }

  async ask() {
    const session = this.socket.id;
    if (!this.socket.connected) return;
    try {
      const home = await this.socket.timeout(5000).emitWithAck('who');
      this.answers += 1;
      if (this.homes.at(-1) !== home) this.homes.push(home);
    } catch (error) {
      // A question that was on its way when the connection was lost is counted as that loss.
      if (this.socket.id === session) this.errors.push(error.message);
    }
  }

  seen() {
    const transport = this.socket.connected ? this.socket.io.engine.transport.name : null;
    const { homes, sessions, losses, errors, answers } = this;
    return { transport, homes, sessions, losses, errors, answers };
  }
}

const orders = {
  connect: ({ count, transports }) => {
    for (let at = 0; at < count; at += 1) clients.push(new Client(transports));
  },
  // Not those that poll: their goodbye and their next poll are two requests, of which the second may find the session gone.
  reconnect: () => {
    const open = clients.filter((client) => client.seen().transport === 'websocket');
    open.forEach(({ socket }) => socket.disconnect().connect());
  },
  look: () => {}
};

http.createServer(async (request, response) => {
  const text = (await request.toArray()).join('');
  orders[request.url.slice(1)](text ? JSON.parse(text) : {});
  response.end(JSON.stringify(clients.map((client) => client.seen())));
}).listen(port, '127.0.0.1');
