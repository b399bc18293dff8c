/** The verbs of the schema registry, one leading to the next: check, publish, a break that needs a second person, and the way back. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectPath } from '../../ops/runtime/package-root.js';
import type { Transcript } from '../kit/cli-transcript.js';
import type { Story } from './cli-story.js';

/** Digests that are cut short, and where the files are. */
const MASK: readonly (readonly [RegExp, string])[] = [
  [/\((?:[0-9a-f]{12})\)/g, '(<sha-256>)'], [/--out \S+/g, '--out supergraph.graphql'], [/SCK-\d{4}-/g, 'SCK-<year>-'], [/\S*\/schema\/subgraphs/g, 'schema/subgraphs'],
];

/** @param folder for the schemas that are changed. */
export async function tellSchemaStory(story: Story, transcript: Transcript, folder: string): Promise<void> {
  transcript.heading('The schema registry');
  mkdirSync(folder, { recursive: true });
  cpSync(projectPath('schema'), join(folder, 'schema'), { recursive: true });
  const directory = join(folder, 'schema', 'subgraphs');
  const file = join(directory, 'integrity.graphql');
  const contract = readFileSync(file, 'utf8');
  const dir = ['--dir', directory];
  const say = (verb: string, argv: readonly string[], code = 0): Promise<{ out: string; err: string }> => story.say(verb, argv, { code, mask: [[new RegExp(` --dir ${directory}`, 'g'), ''], ...MASK] });

  await say('schema check', ['schema', 'check', ...dir]);
  await say('schema compose', ['schema', 'compose', ...dir, '--out', join(folder, 'supergraph.graphql'), '-q']);
  const added = contract.replace('type Query {', 'type Query {\n  "How many entries the log has."\n  auditSize: Float @requiresScopes(scopes: [["audit:read"]])\n');
  writeFileSync(file, added);
  await say('schema check', ['schema', 'check', ...dir, '-o', 'wide']);
  await say('schema publish', ['schema', 'publish', '--message', 'Adds Query.auditSize', ...dir], 10);
  await say('schema publish', ['schema', 'publish', '--message', 'Adds Query.auditSize', ...dir, '--yes', '-o', 'name']);
  writeFileSync(file, added.replace(/\n {2}"[^"\n]*"\n {2}leafHash: [^\n]*/, ''));
  await say('schema check', ['schema', 'check', ...dir], 5);
  const { err } = await say('schema publish', ['schema', 'publish', '--message', 'Removes AuditEntry.leafHash', ...dir, '--yes'], 5);
  const [, check = '', digest = ''] = /acgs schema approve (\S+) --digest ([0-9a-f]{64})/.exec(err) ?? [];
  await say('schema show', ['schema', 'show', check, '-o', 'name']);
  await say('schema approve', ['schema', 'approve', check, '--digest', digest, '--yes'], 4);
  await say('schema approve', ['schema', 'approve', check, '--digest', digest, '--comment', 'Nobody compares leaves by hand', '--yes', '--profile', 'second']);
  await say('schema publish', ['schema', 'publish', '--message', 'Removes AuditEntry.leafHash', ...dir, '--yes', '-o', 'name']);
  await say('schema diff', ['schema', 'diff', ...dir, '-q']);
  await say('schema rollback', ['schema', 'rollback', '--reason', 'The audit pages need it', '--yes', '-o', 'name']);
  await say('schema history', ['schema', 'history', '--limit', '2', '-o', 'name']);
  await say('schema checks', ['schema', 'checks', '--verdict', 'breaking', '--limit', '1', '-o', 'name']);
  await say('schema usage', ['schema', 'usage', 'Query.noSuchField']);
  const { out } = await say('schema history', ['schema', 'history', '--limit', '1', '-o', 'json']);
  const id = /"id": "([0-9a-f]{64})"/.exec(out)?.[1] ?? '';
  await say('schema version', ['schema', 'version', id, '-o', 'name']);
}
