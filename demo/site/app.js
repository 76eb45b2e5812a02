'use strict';

// Everything that differs between landscapes, secrets first, comes from the environment.
const sessionStore = require('./lib/session-store');

require('apostrophe')({
  shortName: process.env.APOS_SHORT_NAME || 'www',
  modules: {
    '@apostrophecms/express': {
      options: {
        trustProxy: true,
        session: {
          ...sessionStore(process.env.APOS_SESSION_REDIS_URL)
        }
      }
    },
    '@apostrophecms/uploadfs': {
      options: {
        uploadfs: {
          ...(process.env.APOS_UPLOADS_PATH ? { uploadsPath: process.env.APOS_UPLOADS_PATH } : {}),
          // APOS_S3_BUCKET switches to S3; path style and plain http can only be set here.
          ...(process.env.APOS_S3_PATH_STYLE ? { style: 'path' } : {}),
          ...(process.env.APOS_S3_HTTP ? { https: false } : {}),
          ...(process.env.APOS_S3_CDN_URL ? { cdn: { enabled: true, url: process.env.APOS_S3_CDN_URL } } : {})
        }
      }
    },
    asset: { options: { ignoreNoCodeWarning: true } },
    article: {},
    'article-page': {},
    health: {},
    site: {}
  }
});
