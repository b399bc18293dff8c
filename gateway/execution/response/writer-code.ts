/**
 * What generated writers of responses have in common: which statements an object of a shape takes, in which order, and
 * when they give up. How text, leaves and objects are written is the dialect of each writer.
 *
 * At the first value that does not fit its type, or null that may not be where it is, generated code gives up and the
 * careful writer does the whole work: only it knows about errors.
 */
import { isAbstractType } from 'graphql';
import { ownValueExpression } from '../generated-code.js';
import type { DataObject } from '../plan/response-data.js';
import { leafText } from './leaf-text.js';
import type { FieldShape, ObjectShape, SelectionSite, TypeShape } from './response-shape.js';

/** When code is generated. */
export interface WriterOptions {
  /** True generates the code of object types at once; default false, when their first object is written. Interfaces and unions wait in any case. */
  readonly ahead?: boolean;
}

export type LeafShape = Extract<TypeShape, { kind: 'leaf' }>;

/** How one kind of writer writes; each member but `writer` gives statements. */
export interface Dialect<W> {
  /** Constant JSON, which is ASCII. */
  readonly literal: (text: string) => string;
  /** A leaf that was found to fit its type. @param value variable that holds it. */
  readonly leaf: (scope: Scope, type: LeafShape, value: string) => string;
  /** An object. @param writer expression of its writer. @param value variable that holds it. */
  readonly object: (writer: string, value: string) => string;
  /** What follows each element of a list. */
  readonly afterElement: (type: TypeShape) => string;
  /** What follows a list. */
  readonly afterList: string;
  /**
   * Makes the writer of one shape.
   * @param statements that write an object `o`.
   * @param references what they refer to, by name.
   * @param constants characters of the constant parts.
   */
  readonly writer: (shape: ObjectShape, statements: string, references: Readonly<Record<string, unknown>>, constants: number) => W;
}

/** Thrown by generated code, always the same: it says nothing, since the careful writer finds out. */
const GIVE_UP = new Error('The data does not fit the shape of the response.');

function giveUp(): never {
  throw GIVE_UP;
}

/** Runs generated code; undefined when it gave up. */
export function unlessGivenUp<T>(write: () => T): T | undefined {
  try {
    return write();
  } catch (thrown) {
    if (thrown === GIVE_UP) return undefined;
    throw thrown;
  }
}

/** Tells the writer of an object at a site, by its type. Gives up when the site can have no such object. */
export function writersOf<W>(dialect: Dialect<W>, site: SelectionSite, ahead: boolean): (object: unknown) => W {
  const writers = new Map<unknown, W>();
  const writerFor = (typeName: unknown): W => {
    const known = writers.get(typeName);
    if (known !== undefined) return known;
    const shape = typeName === undefined || typeof typeName === 'string' ? site.shapeFor(typeName) : undefined;
    if (shape === undefined) return giveUp();
    const writer = new ObjectCode(dialect, shape, new Scope(ahead)).compile();
    writers.set(typeName, writer);
    return writer;
  };
  if (isAbstractType(site.type)) return (object) => writerFor((object as DataObject)['__typename']);
  const own = site.type.name;
  let writer = ahead ? writerFor(undefined) : undefined;
  return (object) => {
    const typeName = (object as DataObject)['__typename'];
    if (typeName !== undefined && typeName !== own) giveUp();
    return (writer ??= writerFor(undefined));
  };
}

/** What generated code refers to by position, and the variables it has. */
export class Scope {
  private readonly values: unknown[] = [];
  private variables = 0;

  constructor(readonly ahead: boolean) {}

  refer(value: unknown): string {
    this.values.push(value);
    return `r${this.values.length - 1}`;
  }

  variable(): string {
    this.variables += 1;
    return `v${this.variables}`;
  }

  references(): Record<string, unknown> {
    return Object.fromEntries(this.values.map((value, index) => [`r${index}`, value]));
  }
}

/** The code of one shape. */
class ObjectCode<W> {
  private readonly fail: string;

  constructor(private readonly dialect: Dialect<W>, private readonly shape: ObjectShape, private readonly scope: Scope) {
    this.fail = `${scope.refer(giveUp)}();`;
  }

  compile(): W {
    const { dialect, shape, scope } = this;
    const lines: string[] = [];
    let constants = 0;
    let pending = '{';
    const flush = (): void => {
      lines.push(dialect.literal(pending));
      constants += pending.length;
      pending = '';
    };
    shape.fields.forEach((field, index) => {
      pending += `${index === 0 ? '' : ','}${JSON.stringify(field.responseName)}:`;
      const constant = constantOf(shape, field);
      if (constant !== undefined) {
        pending += constant;
        return;
      }
      if (field.source !== 'data') {
        lines.push(this.fail);
        return;
      }
      flush();
      const value = scope.variable();
      lines.push(`const ${value} = ${ownValueExpression('o', field.responseName)};`, this.value(field.type, value));
    });
    pending += '}';
    flush();
    return dialect.writer(shape, lines.join('\n'), scope.references(), constants);
  }

  /** Statements that write the value in a variable. */
  private value(type: TypeShape, value: string): string {
    const absent = type.nonNull ? this.fail : this.dialect.literal('null');
    return `if (${value} === null || ${value} === undefined) { ${absent} } else { ${this.present(type, value)} }`;
  }

  private present(type: TypeShape, value: string): string {
    const { dialect, scope } = this;
    switch (type.kind) {
      case 'leaf':
        return `if (${misfits(scope, type, value)}) ${this.fail} ${dialect.leaf(scope, type, value)}`;
      case 'object': {
        const writers = scope.refer(writersOf(dialect, type.site, scope.ahead));
        return `if (typeof ${value} !== 'object' || Array.isArray(${value})) ${this.fail} ${dialect.object(`${writers}(${value})`, value)}`;
      }
      default: {
        const [index, element] = [scope.variable(), scope.variable()];
        return `if (!Array.isArray(${value})) ${this.fail}
${dialect.literal('[')}
for (let ${index} = 0; ${index} < ${value}.length; ${index} += 1) {
if (${index} > 0) { ${dialect.literal(',')} }
const ${element} = ${value}[${index}];
${this.value(type.of, element)}
${dialect.afterElement(type.of)}
}
${dialect.literal(']')} ${dialect.afterList}`;
      }
    }
  }
}

/** JSON of a field that is the same for every object of the shape; undefined when it is not. */
function constantOf(shape: ObjectShape, { source, type }: FieldShape): string | undefined {
  if (source === 'typename') return shape.isObject ? `"${shape.typeName}"` : undefined;
  return source === 'refused' && !type.nonNull ? 'null' : undefined;
}

/** Condition under which a value that is not null is none of a leaf type (GraphQL specification, section 3.5, result coercion). */
function misfits(scope: Scope, { leaf, values }: LeafShape, value: string): string {
  switch (leaf) {
    case 'String':
      return `typeof ${value} !== 'string'`;
    case 'ID':
      return `typeof ${value} !== 'string' && !Number.isInteger(${value})`;
    case 'Int':
      return `typeof ${value} !== 'number' || (${value} | 0) !== ${value}`;
    case 'Float':
      return `typeof ${value} !== 'number' || !Number.isFinite(${value})`;
    case 'Boolean':
      return `typeof ${value} !== 'boolean'`;
    case 'enum':
      return `!${scope.refer(values)}.has(${value})`;
    default:
      return 'false';
  }
}

/** JSON of a custom scalar; gives up on one that cannot be written. */
export function customText(value: unknown): string {
  return leafText('custom', undefined, value) ?? giveUp();
}
