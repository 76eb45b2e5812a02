'use strict';

module.exports = {
  options: {
    types: [
      { name: '@apostrophecms/home-page', label: 'Home' },
      { name: 'article-page', label: 'Article index' }
    ],
    park: [
      { parkedId: 'articles', type: 'article-page', slug: '/articles', title: 'Articles' }
    ]
  }
};
