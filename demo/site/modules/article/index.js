'use strict';

module.exports = {
  extend: '@apostrophecms/piece-type',
  options: {
    alias: 'article',
    label: 'Article',
    pluralLabel: 'Articles',
    sort: { createdAt: -1 },
    publicApiProjection: { title: 1, slug: 1, body: 1, _url: 1 }
  },
  fields: {
    add: {
      body: { type: 'string', label: 'Body', textarea: true },
      _image: {
        type: 'relationship',
        label: 'Picture',
        withType: '@apostrophecms/image',
        max: 1
      }
    },
    group: { basics: { label: 'Basics', fields: [ 'title', 'body', '_image' ] } }
  }
};
