'use strict';

module.exports = {
  options: { label: 'Home page' },
  handlers(self) {
    return {
      '@apostrophecms/page:beforeSend': {
        async latestArticles(req) {
          if (req.data.page && req.data.page.type === self.__meta.name) {
            req.data.articles = await self.apos.article.find(req).limit(6).toArray();
          }
        }
      }
    };
  }
};
