'use strict';

// Apostrophe keeps sessions in MongoDB; with a Redis URL they go there instead.
module.exports = (url) => {
  if (!url) {
    return {};
  }
  const { createClient } = require('redis');
  const { RedisStore } = require('connect-redis');
  const client = createClient({ url, commandOptions: { timeout: 5000 } });
  client.on('error', (error) => console.error(`session store: ${error.message || error.code}`));
  // The client reconnects by itself and holds commands back until then, 5 s at most.
  client.connect().catch((error) => console.error(`session store: ${error.message}`));
  return { store: new RedisStore({ client, prefix: 'session:' }) };
};
