/** Random operations with `@defer` at random places over random graphs: the merged parts are what the single schema answers without it. */
import { expect, test } from '@jest/globals';
import { OperationTypeNode, getOperationAST, print, validate } from 'graphql';
import { FURTHER_RULES } from '../../gateway/enforcement/validation-rules.js';
import { UnusablePlan } from '../../gateway/supergraph/planning/planner-fault-checks.js';
import { difference } from '../kit/differential/compare.js';
import type { FederatedGraph } from '../kit/differential/federated-graph.js';
import { withRandomDefers } from '../kit/differential/generate-defer.js';
import { generateOperation } from '../kit/differential/generate-operation.js';
import { runInParts } from '../kit/differential/parts-engine.js';
import { Random } from '../kit/differential/random.js';
import { generateGraph } from '../kit/differential/run-differential.js';
import { stableJson } from '../kit/differential/world.js';

const SEED = Number(process.env['DEFER_SEED'] ?? 4_000);
const GRAPHS = Number(process.env['DEFER_GRAPHS'] ?? 8);
const OPERATIONS = 8;

const sorted = (value: unknown): unknown => JSON.parse(stableJson(value ?? null));

/** A part that is null as a whole leaves its fields out; they count as null. */
function withNulls(expected: unknown, actual: unknown): unknown {
  if (Array.isArray(expected) && Array.isArray(actual)) return actual.map((element, index) => withNulls(expected[index], element));
  if (!isObject(expected) || !isObject(actual)) return actual;
  const names = [...new Set([...Object.keys(expected), ...Object.keys(actual)])].sort();
  return Object.fromEntries(names.map((name) => [name, Object.hasOwn(actual, name) ? withNulls(expected[name], actual[name]) : null]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns payloads written, and what is wrong; 0 when the operation was not answered in parts. */
async function tryOne(random: Random, graph: FederatedGraph): Promise<{ readonly payloads: number; readonly problem: string | undefined }> {
  const nothing = { payloads: 0, problem: undefined };
  const operation = generateOperation(random, graph.apiSchema);
  const [variables] = operation?.variables ?? [];
  if (operation === undefined || variables === undefined) return nothing;
  const { operationName } = operation;
  const document = withRandomDefers(random, operation.document);
  if (validate(graph.apiSchema, document, [...FURTHER_RULES]).length > 0) return nothing;
  const reference = await graph.reference(operation.document, variables, operationName);
  // With faults, a null ends at another place when its field is deferred: that is what the rule tests are for.
  if (reference.errors !== undefined || reference.hiddenFailures) return nothing;
  const mutates = getOperationAST(document, operationName)?.operation === OperationTypeNode.MUTATION;
  const down = !mutates && random.chance(0.4) ? random.pick([...graph.subgraphs.keys()]) : undefined;
  try {
    const { payloads, answer } = await runInParts(graph, { document, operationName, variables }, { down });
    if (answer === undefined) return nothing;
    const expected = sorted(reference.data);
    const data = down === undefined ? sorted(answer.data) : withNulls(expected, sorted(answer.data));
    const problem = difference({ data: expected, errors: [], calls: [], hiddenFailures: down !== undefined }, { ...answer, data });
    return { payloads: payloads.length, problem: problem === undefined ? undefined : `${problem}${down === undefined ? '' : ` with ${down} down`}\n${print(document)}\n${JSON.stringify(variables)}\n${JSON.stringify(payloads)}` };
  } catch (error) {
    if (error instanceof UnusablePlan) return nothing;
    return { payloads: 0, problem: `${String(error)}\n${print(document)}\n${JSON.stringify(variables)}` };
  }
}

test(`operations over ${GRAPHS} graphs from seed ${SEED}`, async () => {
  let inParts = 0;
  for (let seed = SEED; seed < SEED + GRAPHS; seed += 1) {
    const random = new Random(seed);
    // Worlds in which each subgraph knows its objects: the plan in parts may ask another subgraph for a key than the plan of the whole.
    const graph = generateGraph(random, seed * 3);
    if (graph === undefined) continue;
    for (let count = 0; count < OPERATIONS; count += 1) {
      const { payloads, problem } = await tryOne(random, graph);
      if (problem !== undefined) throw new Error(`seed ${seed}: ${problem}\n${Object.entries(graph.sdls).map(([name, sdl]) => `--- ${name}\n${sdl}`).join('\n')}`);
      inParts += payloads > 1 ? 1 : 0;
    }
  }
  expect(inParts).toBeGreaterThan(GRAPHS);
}, 300_000);
