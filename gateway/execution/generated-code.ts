/**
 * What all generated code is made with. Code is generated from names of the schema and of the client's document alone;
 * each is put into the text by JSON.stringify, and GraphQL names cannot hold a quote.
 */

/** Names every object has from its prototype: their own value must be asked for. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/**
 * Expression for the own value under a name; undefined when there is none.
 * @param object variable that holds the object.
 */
export function ownValueExpression(object: string, name: string): string {
  const key = JSON.stringify(name);
  return INHERITED.has(name) ? `(Object.hasOwn(${object}, ${key}) ? ${object}[${key}] : undefined)` : `${object}[${key}]`;
}

/** Expression that is true for objects, and false for lists, null and leaves. @param value variable that holds the value. */
export function isObjectExpression(value: string): string {
  return `typeof ${value} === 'object' && ${value} !== null && !Array.isArray(${value})`;
}

/**
 * Makes a function; the caller says what type it has.
 * @param parameters names of its parameters.
 * @param references what its body refers to, by name.
 */
export function generate(parameters: string, body: string, references: Readonly<Record<string, unknown>> = {}): unknown {
  // The constructor is what makes it fast: straight code in which every property has a place of its own.
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval
  const make = new Function(...Object.keys(references), `"use strict"; return function (${parameters}) { ${body} };`) as (...values: unknown[]) => unknown;
  return make(...Object.values(references));
}
