// Checks a running sandbox with the vendor's own client, unchanged.
// usage: node client.mjs <dir with node_modules> <base url> <token>
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';

const [dir, baseUrl, token] = process.argv.slice(2);
register('./resolve.mjs', import.meta.url);
const entry = createRequire(`${dir}/resolve.js`).resolve('@civitai/client');
const api = await import(pathToFileURL(entry));
const { createCivitaiClient, queryWorkflows, getWorkflow, getWorkflowStep, getBlob, headBlob, refreshBlob } = api;

const client = createCivitaiClient({ baseUrl, auth: token });
const truth = (await (await fetch(`${baseUrl}/_sandbox/truth`)).text())
  .trim().split('\n').map((line) => JSON.parse(line));
const ok = ({ data, error }) => { assert.equal(error, undefined); assert.ok(data !== undefined); return data; };
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

// Listing: every page, both ways, and the filters as the client writes them.
async function list(query) {
  const all = [];
  for (let cursor; ;) {
    const page = ok(await queryWorkflows({ client, query: { ...query, cursor } }));
    all.push(...page.items);
    if (!page.next) return all;
    cursor = page.next;
  }
}
const newest = await list({ take: 37 });
const oldest = await list({ take: 50, ascending: true });
assert.deepEqual(newest.map((w) => w.id), oldest.map((w) => w.id).reverse());
assert.ok(newest.length >= 50);
const films = await list({ tags: ['gen', 'vid'], excludeFailed: true });
assert.ok(films.length > 0 && films.every((w) => w.tags.includes('gen') && w.tags.includes('vid')));
const from = oldest[10].createdAt, to = oldest[19].createdAt;
assert.equal((await list({ fromDate: from, toDate: to })).length, 10);

// One workflow and one step.
const listed = newest.find((w) => w.status === 'succeeded' && w.steps[0]?.$type === 'imageGen');
const single = ok(await getWorkflow({ client, path: { workflowId: listed.id } }));
assert.deepEqual(single, listed);
const step = ok(await getWorkflowStep({ client, path: { workflowId: listed.id, stepName: listed.steps[0].name } }));
assert.deepEqual(step, listed.steps[0]);
const missing = await getWorkflow({ client, path: { workflowId: 'no-such' } });
assert.equal(missing.response.status, 404);
const running = newest.find((w) => w.status === 'scheduled');
assert.equal((await getWorkflow({ client, path: { workflowId: running.id }, query: { wait: 0.01 } })).response.status, 202);

// Blobs: by id through the client, by signed URL and by a refreshed one.
let checked = 0;
for (const e of truth.filter((e) => e.disposition === 'deliverable' && e.kind !== 'archive').slice(0, 40)) {
  const path = { blobId: e.blob };
  const bytes = ok(await getBlob({ client, path, parseAs: 'arrayBuffer' }));
  assert.equal(sha256(Buffer.from(bytes)), e.sha256, e.blob);
  assert.equal((await headBlob({ client, path })).response.status, 204);
  const fresh = ok(await refreshBlob({ client, path }));
  assert.equal(fresh.id, e.blob);
  if (!e.byId) {
    const signed = await fetch(fresh.url);
    assert.equal(sha256(Buffer.from(await signed.arrayBuffer())), e.sha256, e.blob);
  }
  checked++;
}
assert.ok(checked >= 30);
const gone = truth.find((e) => e.disposition === 'unavailable');
assert.equal((await refreshBlob({ client, path: { blobId: gone.blob } })).response.status, 404);

// Refusals arrive as the client's users see them.
const stranger = createCivitaiClient({ baseUrl, auth: 'wrong' });
assert.equal((await queryWorkflows({ client: stranger })).response.status, 401);
const bad = await queryWorkflows({ client, query: { take: 0 } });
assert.deepEqual(Object.keys(bad.error.errors), ['take']);

console.log(`${newest.length} workflows, ${checked} blobs: all checks passed`);
