/** The interactive page at `/api`: built from the OpenAPI document by a script of our own; nothing comes from elsewhere. */
export const API_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,"><title>Lockstep API</title>
<style nonce="%CSP_NONCE%">
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
details { border: 1px solid #8886; border-radius: 6px; margin: .3rem 0; padding: .3rem .7rem }
summary { cursor: pointer } summary code { font-weight: 600 }
textarea { width: 100%; min-height: 5rem; box-sizing: border-box; font-family: ui-monospace, monospace }
pre { overflow: auto; max-height: 30rem; background: #8881; padding: .6rem; border-radius: 6px } label { display: block; margin: .4rem 0 }
</style>
</head>
<body><h1>Lockstep API</h1><p>Generated from <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1). Calls made here act on the open lab.</p>
<main id="operations">Loading ...</main><script type="module" src="/api/page.js"></script></body></html>`;

export const API_PAGE_SCRIPT = `
const main = document.getElementById('operations');
const make = (tag, text, into) => { const node = document.createElement(tag); if (text) node.textContent = text; into?.append(node); return node; };
const document_ = await (await fetch('/api/openapi.json')).json();
const groups = new Map();
for (const [path, methods] of Object.entries(document_.paths)) for (const [method, operation] of Object.entries(methods)) {
  const tag = operation.tags?.[0] ?? 'other';
  if (!groups.has(tag)) groups.set(tag, []);
  groups.get(tag).push({ path, method: method.toUpperCase(), operation });
}
main.textContent = '';
for (const [tag, operations] of groups) {
  make('h2', tag, main);
  for (const { path, method, operation } of operations) {
    const box = make('details', '', main);
    const summary = make('summary', '', box);
    make('code', method + ' /api' + path, summary);
    make('span', '  ' + (operation.summary ?? ''), summary);
    const fields = (operation.parameters ?? []).map((parameter) => {
      const label = make('label', parameter.name + (parameter.required ? ' (required) ' : ' '), box);
      const field = make('input', '', label);
      return { parameter, field };
    });
    const bodySchema = operation.requestBody?.content?.['application/json']?.schema;
    let body;
    if (bodySchema) {
      const label = make('label', 'Body (JSON)', box);
      body = make('textarea', '', label);
      body.value = '{}';
      const schema = make('details', '', box);
      make('summary', 'Schema of the body', schema);
      make('pre', JSON.stringify(bodySchema, null, 2), schema);
    }
    const button = make('button', 'Send', box);
    const answer = make('pre', '', box);
    button.addEventListener('click', async () => {
      let target = '/api' + path;
      const query = new URLSearchParams();
      for (const { parameter, field } of fields) {
        if (parameter.in === 'path') target = target.replace('{' + parameter.name + '}', encodeURIComponent(field.value));
        else if (field.value !== '') query.set(parameter.name, field.value);
      }
      if (query.size > 0) target += '?' + query;
      answer.textContent = '...';
      try {
        const response = await fetch(target, { method, ...(body ? { body: body.value, headers: { 'content-type': 'application/json' } } : {}) });
        const text = (response.headers.get('content-type') ?? '').includes('json') ? JSON.stringify(await response.json(), null, 2) : '(' + response.headers.get('content-type') + ')';
        answer.textContent = response.status + ' ' + response.statusText + '\\n' + text;
      } catch (error) { answer.textContent = String(error); }
    });
  }
}
`;
