/** The page a developer sees at `/`: endpoint, example and a query box, without a single outside resource. */
import { createHash } from 'node:crypto';
import type { HttpHandler } from '../../ops/runtime/http-server.js';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#f7f8fa}
h1{font-size:1.4rem}textarea,pre,input{width:100%;box-sizing:border-box;font:13px/1.45 ui-monospace,monospace;border:1px solid #c5ccd6;border-radius:4px;padding:.6rem;background:#fff}
textarea{min-height:9rem}pre{min-height:4rem;overflow:auto;white-space:pre-wrap}label{display:block;margin:.8rem 0 .3rem;font-weight:600}button{margin:.8rem 0;padding:.5rem 1.2rem;font:inherit;cursor:pointer}`;

const SCRIPT = `const by=(id)=>document.getElementById(id);
by('form').addEventListener('submit',async(event)=>{event.preventDefault();const out=by('result');out.textContent='…';
const headers={'content-type':'application/json'};if(by('token').value)headers.authorization='Bearer '+by('token').value;if(by('hash').value)headers['x-constitutional-hash']=by('hash').value;
try{const answer=await fetch('/graphql',{method:'POST',headers,body:JSON.stringify({query:by('query').value,variables:by('variables').value?JSON.parse(by('variables').value):undefined})});
out.textContent=answer.status+' '+answer.statusText+'\\n'+JSON.stringify(await answer.json(),null,2);}catch(error){out.textContent=String(error);}});`;

/**
 * Makes the handler of `GET /`.
 * @param url base URL of the gateway as it listens.
 * @param activeHash hash that the example presents.
 */
export function createLandingPage(url: () => string, activeHash: () => string): HttpHandler {
  const source = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const policy = `default-src 'none'; connect-src 'self'; style-src ${source(STYLE)}; script-src ${source(SCRIPT)}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`;
  return () => ({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy, 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' },
    body: page(escapeHtml(url()), escapeHtml(activeHash())),
  });
}

function page(url: string, hash: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ACGS control plane</title><style>${STYLE}</style></head>
<body><h1>ACGS control plane</h1>
<p>GraphQL is served at <code>${url}/graphql</code> (POST, GET for queries, WebSocket for subscriptions).</p>
<pre>curl -s ${url}/graphql -H 'content-type: application/json' -H 'x-constitutional-hash: ${hash}' -d '{"query":"{ __typename }"}'</pre>
<form id="form">
<label for="query">Query</label><textarea id="query" spellcheck="false">{ __schema { queryType { fields { name description } } } }</textarea>
<label for="variables">Variables (JSON)</label><input id="variables" autocomplete="off">
<label for="token">Access token or API key</label><input id="token" type="password" autocomplete="off">
<label for="hash">Constitutional hash</label><input id="hash" value="${hash}" autocomplete="off">
<button type="submit">Run</button></form>
<label for="result">Result</label><pre id="result" aria-live="polite"></pre>
<script>${SCRIPT}</script></body></html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
