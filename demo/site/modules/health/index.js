'use strict';

const os = require('os');

// Less than who asks waits for an answer.
const patience = 4000;

// What balancers and deployments ask (/healthz), and who answered (X-Served-By).
module.exports = {
  options: { alias: 'health' },
  init(self) {
    self.instance = `${os.hostname()}:${process.env.PORT || 3000}`;
  },
  middleware(self) {
    return {
      servedBy: {
        before: '@apostrophecms/express',
        middleware(req, res, next) {
          res.set('X-Served-By', self.instance);
          return next();
        }
      }
    };
  },
  routes(self) {
    return {
      get: {
        async '/healthz'(req, res) {
          const database = await self.database();
          res.set('Cache-Control', 'no-store');
          res.status(database.ok ? 200 : 503).json({
            ok: database.ok,
            database,
            release: self.release(),
            instance: self.instance,
            pid: process.pid
          });
        }
      }
    };
  },
  methods(self) {
    return {
      release() {
        return self.apos.asset.getReleaseId();
      },
      async database() {
        let timer;
        const late = new Promise((resolve, reject) => {
          timer = setTimeout(() => reject(new Error(`no answer within ${patience} ms`)), patience);
        });
        try {
          await Promise.race([ self.apos.doc.db.findOne({}, { projection: { _id: 1 } }), late ]);
          return { ok: true };
        } catch (error) {
          self.apos.util.error(`healthz: ${error.message}`);
          return { ok: false };
        } finally {
          clearTimeout(timer);
        }
      }
    };
  },
  helpers(self) {
    return {
      instance: () => self.instance,
      release: () => self.release()
    };
  }
};
