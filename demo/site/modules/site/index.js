'use strict';

const { text } = require('stream/consumers');

const icon = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#0b7a75"/></svg>';

module.exports = {
  init(self) {
    self.apos.baseApp.disable('x-powered-by');
    self.appendNodes('head', 'icon');
  },
  tasks(self) {
    return {
      'create-admin': {
        usage: [
          'Makes sure that the administrator ADMIN_USER exists and has the password ADMIN_PASSWORD',
          '(without that variable: the password is read from standard input).',
          'Safe to run again: says created, updated or unchanged.'
        ].join('\n'),
        task: self.createAdmin
      }
    };
  },
  methods(self) {
    return {
      icon() {
        const href = `data:image/svg+xml,${encodeURIComponent(icon)}`;
        return [ { name: 'link', attrs: { rel: 'icon', href } } ];
      },
      async createAdmin() {
        const username = self.apos.login.normalizeLoginName(process.env.ADMIN_USER || '');
        if (!username) {
          throw new Error('site:create-admin: set ADMIN_USER to the name of the administrator');
        }
        const password = await self.readPassword();
        const req = self.apos.task.getReq();
        const user = await self.apos.user.find(req, { username }).archived(null).toObject();
        if (!user) {
          await self.apos.user.insert(req, { username, title: username, role: 'admin', password });
          return console.log(`${username}: created`);
        }
        if (!user.archived && user.role === 'admin' && await self.hasPassword(user, password)) {
          return console.log(`${username}: unchanged`);
        }
        await self.apos.user.update(req, { ...user, archived: false, role: 'admin', password });
        return console.log(`${username}: updated`);
      },
      async readPassword() {
        const { ADMIN_PASSWORD } = process.env;
        if (!ADMIN_PASSWORD && process.stdin.isTTY) {
          throw new Error('site:create-admin: set ADMIN_PASSWORD, or pipe the password into standard input');
        }
        const password = ADMIN_PASSWORD || (await text(process.stdin)).replace(/\r?\n$/, '');
        if (!password) {
          throw new Error('site:create-admin: the password is empty');
        }
        return password;
      },
      async hasPassword(user, password) {
        try {
          await self.apos.user.verifyPassword(user, password);
          return true;
        } catch (error) {
          if (error.name === 'invalid') {
            return false;
          }
          throw error;
        }
      }
    };
  }
};
