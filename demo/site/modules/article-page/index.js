'use strict';

module.exports = {
  extend: '@apostrophecms/piece-page-type',
  options: { label: 'Article index', pluralLabel: 'Article indexes', perPage: 12 }
};
