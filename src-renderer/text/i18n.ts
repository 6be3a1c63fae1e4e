import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import arrays from '../features/arrays/text.json';
import configuration from '../features/configuration/text.json';
import servers from '../features/servers/text.json';
import topology from '../features/topology/text.json';
import shell from './en.json';

const en = { ...shell, ...configuration, arrays, servers, topology };

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

/** One catalogue, plain JSON; keys are checked by the compiler. */
void i18next.use(initReactI18next).init({
  lng: 'en',
  fallbackLng: 'en',
  resources: { en: { translation: en } },
  interpolation: { escapeValue: false },
  initAsync: false,
});

export { i18next };
