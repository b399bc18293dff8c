/** Generates the code that reaches the objects of a step and completes them with what was fetched. */
import { generate, isObjectExpression, ownValueExpression } from '../generated-code.js';
import { flattened, mergeValue, type DataObject } from './response-data.js';

/** Finds every object at a path, in document order; what is null or absent on the way is left out. */
export type FindObjects = (root: DataObject) => DataObject[];

/** Completes an object with what an entity brought; see `mergeInto`. */
export type MergeEntity = (target: DataObject, entity: DataObject, keepTypename: (name: unknown) => boolean) => void;

/**
 * Makes the search for one path. Code is generated when it is first used.
 * @param path response names, and `@` for every element of a list.
 */
export function compileFind(path: readonly string[]): FindObjects {
  let find: FindObjects | undefined;
  return (root) => (find ??= generateFind(path))(root);
}

function generateFind(path: readonly string[]): FindObjects {
  const opening: string[] = [];
  const closing: string[] = [];
  const last = path.reduce((value, part, depth) => {
    const next = `v${depth + 1}`;
    if (part === '@') opening.push(`if (Array.isArray(${value})) for (let i${depth} = 0; i${depth} < ${value}.length; i${depth} += 1) { const ${next} = ${value}[i${depth}];`);
    else opening.push(`if (${isObjectExpression(value)}) { const ${next} = ${ownValueExpression(value, part)};`);
    closing.push('}');
    return next;
  }, 'v0');
  const add = `if (${isObjectExpression(last)}) found.push(${last}); else if (Array.isArray(${last})) found.push(...flattened(${last}));`;
  return generate('v0', `const found = []; ${opening.join(' ')} ${add} ${closing.join(' ')} return found;`, { flattened }) as FindObjects;
}

/**
 * Makes `mergeInto` for entities of which only these fields are taken. Code is generated when it is first used.
 * @param names response names the fetch asks for; what else an entity holds was not asked for and is left out.
 */
export function compileMerge(names: readonly string[]): MergeEntity {
  let merge: MergeEntity | undefined;
  return (target, entity, keepTypename) => (merge ??= generateMerge(names))(target, entity, keepTypename);
}

function generateMerge(names: readonly string[]): MergeEntity {
  const lines = names.filter((name) => name !== '__proto__').map((name) => {
    const key = JSON.stringify(name);
    return `{ const value = ${ownValueExpression('entity', name)}; if (value !== undefined) { const present = ${ownValueExpression('target', name)}; if (present === undefined) target[${key}] = value; else if (present !== value) mergeValue(target, ${key}, present, value, keepTypename); } }`;
  });
  return generate('target, entity, keepTypename', lines.join(' '), { mergeValue }) as MergeEntity;
}
