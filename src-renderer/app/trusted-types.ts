/**
 * The page runs under `require-trusted-types-for 'script'`. Libraries write style text through innerHTML, which is harmless
 * as long as it holds no markup: text with `<` is refused, and so is every script. Imported before anything else.
 */
interface TrustedTypesFactory {
  createPolicy(
    name: string,
    rules: {
      createHTML(text: string): string;
      createScript(text: string): never;
      createScriptURL(url: string): string;
    },
  ): unknown;
}

export function htmlWithoutMarkup(text: string): string {
  if (text.includes('<')) throw new TypeError('markup is never built from text in this console');
  return text;
}

// The schema library would compile its parsers with `new Function`, and probing whether it may is a violation already.
(globalThis as { __zod_globalConfig?: { jitless: boolean } }).__zod_globalConfig = { jitless: true };

const factory = (globalThis as { trustedTypes?: TrustedTypesFactory }).trustedTypes;
factory?.createPolicy('default', {
  createHTML: htmlWithoutMarkup,
  createScript: () => {
    throw new TypeError('scripts are never built from text in this console');
  },
  createScriptURL: (url) => {
    if (new URL(url, location.href).origin !== location.origin)
      throw new TypeError('scripts come from this origin only');
    return url;
  },
});
