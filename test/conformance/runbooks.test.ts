/** Runbooks lead somewhere: every one an alert rule names exists and is indexed, and every GraphQL block of the documentation is valid. */
import { readdirSync, readFileSync } from 'node:fs';
import { Supergraph } from '@apollo/federation-internals';
import { describe, expect, test } from '@jest/globals';
import { isExecutableDefinitionNode, parse, validate, type GraphQLSchema } from 'graphql';
import { projectPath } from '../../ops/runtime/package-root.js';
import { ALERT_RULES } from '../../subgraphs/policy-governance/seed-alert-rules.js';

const FOLDER = projectPath('docs', 'runbooks');
const api: GraphQLSchema = Supergraph.build(readFileSync(projectPath('schema', 'supergraph.graphql'), 'utf8'), { supportedFeatures: null }).apiSchema().toGraphQLJSSchema();

interface Block {
  /** File and line, for the name of the test. */
  readonly place: string;
  readonly text: string;
}

/** Every ```graphql block below docs/. */
function graphqlBlocks(): Block[] {
  const files = readdirSync(projectPath('docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md')).toSorted();
  return files.flatMap((file) => {
    const text = readFileSync(projectPath('docs', file), 'utf8');
    return [...text.matchAll(/^([ \t]*)```graphql[ \t]*\n([\s\S]*?)^\1```/gm)].map((match) => ({ place: `docs/${file}:${text.slice(0, match.index).split('\n').length}`, text: match[2] ?? '' }));
  });
}

/** What is wrong with a block; one that is a piece of SDL only has to parse. */
function faults(text: string): string[] {
  const document = parse(text);
  if (!document.definitions.some(isExecutableDefinitionNode)) return [];
  return validate(api, document).map((error) => error.message);
}

describe('alert rules', () => {
  test('each names a runbook that exists, under its own title', () => {
    const missing = ALERT_RULES.filter(({ name, runbook }) => {
      const file = runbook.replace(/^docs\/runbooks\//, '');
      return !readdirSync(FOLDER).includes(file) || !readFileSync(projectPath(...runbook.split('/')), 'utf8').includes(name);
    });
    expect(missing.map(({ name, runbook }) => `${name}: ${runbook}`)).toEqual([]);
  });

  test('the index lists exactly the rules, with level, severity and runbook', () => {
    const listed = [...readFileSync(`${FOLDER}/README.md`, 'utf8').matchAll(/^\| (\w+) \| ([A-Z]+)[^|]* \| (P\d) \| (\d+) min[^|]* \| \[[\w-]+\]\(([\w-]+\.md)\) \|$/gm)]
      .map(([, name, level, severity, minutes, file]) => `${name} ${level} ${severity} ${minutes} docs/runbooks/${file}`);
    expect(listed.toSorted()).toEqual(ALERT_RULES.map(({ name, level, severity, responseMinutes, runbook }) => `${name} ${level} ${severity} ${responseMinutes} ${runbook}`).toSorted());
  });

  test('every runbook belongs to a rule, or is named as one without', () => {
    const without = /^Without an alert of its own: (.*)$/m.exec(readFileSync(`${FOLDER}/README.md`, 'utf8'))?.[1] ?? '';
    const named = new Set([...ALERT_RULES.map(({ runbook }) => runbook), ...[...without.matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, file]) => `docs/runbooks/${file}`)]);
    expect(readdirSync(FOLDER).filter((file) => file !== 'README.md' && !named.has(`docs/runbooks/${file}`))).toEqual([]);
  });
});

describe('GraphQL in the documentation', () => {
  const blocks = graphqlBlocks();

  test('is found', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(new Set(ALERT_RULES.map(({ runbook }) => runbook)).size);
  });

  test.each(blocks)('$place is valid', ({ text }) => {
    expect(faults(text)).toEqual([]);
  });
});
