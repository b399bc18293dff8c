/**
 * Generates the code that writes a response in one pass when nothing is wrong with the data.
 *
 * At the first value that does not fit its type, or null that may not be where it is, the generated code gives up and
 * the careful writer does the whole work: only it knows about errors. Code is generated from names of the schema and of
 * the client's document alone; each is put into the text by JSON.stringify, and GraphQL names cannot hold a quote.
 */
import { isAbstractType } from 'graphql';
import type { DataObject } from '../plan/response-data.js';
import { leafText } from './leaf-text.js';
import type { FieldShape, ObjectShape, SelectionSite, TypeShape } from './response-shape.js';

/** Writes a text as a JSON string. */
export type Quote = (text: string) => string;

/** Writes the data of a response; undefined when something does not fit. */
export type WriteData = (data: DataObject, quote: Quote) => string | undefined;

/** Quotes any text. */
export const quoteAny: Quote = (text) => JSON.stringify(text);
/** Quotes texts parsed from JSON without a backslash: none of them can need an escape. */
export const quoteEscapeFree: Quote = (text) => `"${text}"`;

type WriteObject = (object: unknown, quote: Quote) => string;

/** Thrown by generated code, always the same: it says nothing, since the careful writer finds out. */
const GIVE_UP = new Error('The data does not fit the shape of the response.');

/** Names every object has from its prototype: their own value must be asked for. */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Makes the writer of an operation's data. Code for a type is generated when its first object is written. */
export function compileWriter(root: SelectionSite): WriteData {
  const write = writerOfSite(root);
  return (data, quote) => {
    try {
      return write(data, quote);
    } catch (thrown) {
      if (thrown === GIVE_UP) return undefined;
      throw thrown;
    }
  };
}

function giveUp(): never {
  throw GIVE_UP;
}

function writerOfSite(site: SelectionSite): WriteObject {
  const writers = new Map<unknown, WriteObject>();
  const writerFor = (typeName: unknown): WriteObject => {
    const known = writers.get(typeName);
    if (known !== undefined) return known;
    const shape = typeName === undefined || typeof typeName === 'string' ? site.shapeFor(typeName) : undefined;
    if (shape === undefined) return giveUp();
    const writer = compileObject(shape);
    writers.set(typeName, writer);
    return writer;
  };
  if (isAbstractType(site.type)) return (object, quote) => writerFor((object as DataObject)['__typename'])(object, quote);
  const own = site.type.name;
  let writer: WriteObject | undefined;
  return (object, quote) => {
    const typeName = (object as DataObject)['__typename'];
    if (typeName !== undefined && typeName !== own) giveUp();
    writer ??= writerFor(undefined);
    return writer(object, quote);
  };
}

/** What generated code refers to by position. */
class Scope {
  readonly values: unknown[] = [];
  private variables = 0;

  refer(value: unknown): string {
    this.values.push(value);
    return `r${this.values.length - 1}`;
  }

  variable(): string {
    this.variables += 1;
    return `v${this.variables}`;
  }
}

function compileObject(shape: ObjectShape): WriteObject {
  const scope = new Scope();
  const fail = scope.refer(giveUp);
  const lines: string[] = [];
  let literal = '{';
  const flush = (): void => {
    if (literal !== '') lines.push(`t += ${JSON.stringify(literal)};`);
    literal = '';
  };
  shape.fields.forEach((field, index) => {
    literal += `${index === 0 ? '' : ','}${JSON.stringify(field.responseName)}:`;
    const constant = constantOf(shape, field);
    if (constant !== undefined) {
      literal += constant;
      return;
    }
    if (field.source !== 'data') {
      lines.push(`${fail}();`);
      return;
    }
    flush();
    const value = scope.variable();
    lines.push(`let ${value} = ${read(field.responseName)};`, ...writeValue(scope, field.type, value, fail));
  });
  literal += '}';
  flush();
  const code = `"use strict"; return function (o, q) { let t = ''; ${lines.join('\n')} return t; };`;
  // The constructor is what makes writing fast: one straight function for each type of object at each place.
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval
  const make = new Function(...scope.values.map((_, index) => `r${index}`), code) as (...values: unknown[]) => WriteObject;
  return make(...scope.values);
}

/** JSON of a field that is the same for every object of the shape; undefined when it is not. */
function constantOf(shape: ObjectShape, { source, type }: FieldShape): string | undefined {
  if (source === 'typename') return shape.isObject ? `"${shape.typeName}"` : undefined;
  return source === 'refused' && !type.nonNull ? 'null' : undefined;
}

function read(name: string): string {
  const key = JSON.stringify(name);
  return INHERITED.has(name) ? `(Object.hasOwn(o, ${key}) ? o[${key}] : undefined)` : `o[${key}]`;
}

/** Statements that append the JSON of the value in a variable. */
function writeValue(scope: Scope, type: TypeShape, value: string, fail: string): string[] {
  const absent = type.nonNull ? `${fail}();` : `t += 'null';`;
  return [`if (${value} === null || ${value} === undefined) { ${absent} } else {`, ...writePresent(scope, type, value, fail), '}'];
}

function writePresent(scope: Scope, type: TypeShape, value: string, fail: string): string[] {
  switch (type.kind) {
    case 'leaf':
      return writeLeaf(scope, type, value, fail);
    case 'object': {
      const writer = scope.refer(writerOfSite(type.site));
      return [`if (typeof ${value} !== 'object' || Array.isArray(${value})) ${fail}();`, `t += ${writer}(${value}, q);`];
    }
    default: {
      const index = scope.variable();
      const element = scope.variable();
      return [
        `if (!Array.isArray(${value})) ${fail}();`,
        `t += '[';`,
        `for (let ${index} = 0; ${index} < ${value}.length; ${index} += 1) {`,
        `if (${index} > 0) t += ',';`,
        `const ${element} = ${value}[${index}];`,
        ...writeValue(scope, type.of, element, fail),
        `}`,
        `t += ']';`,
      ];
    }
  }
}

function writeLeaf(scope: Scope, { leaf, values }: Extract<TypeShape, { kind: 'leaf' }>, value: string, fail: string): string[] {
  switch (leaf) {
    case 'String':
      return [`if (typeof ${value} !== 'string') ${fail}();`, `t += q(${value});`];
    case 'ID':
      return [`if (typeof ${value} === 'string') t += q(${value}); else if (Number.isInteger(${value})) t += '"' + ${value} + '"'; else ${fail}();`];
    case 'Int':
      return [`if (typeof ${value} !== 'number' || (${value} | 0) !== ${value}) ${fail}();`, `t += ${value};`];
    case 'Float':
      return [`if (typeof ${value} !== 'number' || !Number.isFinite(${value})) ${fail}();`, `t += ${value};`];
    case 'Boolean':
      return [`if (${value} === true) t += 'true'; else if (${value} === false) t += 'false'; else ${fail}();`];
    case 'enum':
      return [`if (!${scope.refer(values)}.has(${value})) ${fail}();`, `t += '"' + ${value} + '"';`];
    default: {
      const text = scope.refer((given: unknown) => leafText('custom', undefined, given) ?? giveUp());
      return [`t += typeof ${value} === 'string' ? q(${value}) : ${text}(${value});`];
    }
  }
}
