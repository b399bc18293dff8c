/** Drafts of subgraph SDL that grow field by field and pull in the types they mention. */

export interface ArgumentDraft {
  readonly name: string;
  readonly type: string;
  readonly defaultValue?: string;
  /** Selection of @fromContext that fills it; clients do not see the argument then. */
  readonly fromContext?: string;
}

export interface FieldDraft {
  readonly name: string;
  /** SDL of the type, for example `[E0!]`. */
  readonly type: string;
  readonly args: readonly ArgumentDraft[];
}

interface TypeDraft {
  readonly keyword: string;
  readonly name: string;
  readonly implemented: Set<string>;
  readonly directives: Set<string>;
  /** Field or value name to SDL line. */
  readonly lines: Map<string, string>;
}

/** A Federation 1 schema has no @link; entities that others began are extended. */
export type FederationVersion = '1' | `2.${number}`;

const IMPORTS = ['@key', '@shareable', '@external', '@requires', '@provides', '@override', '@inaccessible'];

export class SubgraphDraft {
  private readonly types = new Map<string, TypeDraft>();

  constructor(readonly name: string, readonly version: FederationVersion) {}

  get isFederation1(): boolean {
    return this.version === '1';
  }

  /** True for specification versions from 2.`minor` on. */
  atLeast(minor: number): boolean {
    return !this.isFederation1 && Number(this.version.slice(2)) >= minor;
  }

  has(typeName: string): boolean {
    return this.types.has(typeName);
  }

  /** Declares a type once; further calls add directives. */
  type(keyword: string, name: string, ...directives: readonly string[]): void {
    let draft = this.types.get(name);
    if (draft === undefined) this.types.set(name, draft = { keyword, name, implemented: new Set(), directives: new Set(), lines: new Map() });
    for (const directive of directives) draft.directives.add(directive);
  }

  implement(typeName: string, interfaceName: string): void {
    this.types.get(typeName)?.implemented.add(interfaceName);
  }

  field(typeName: string, field: FieldDraft, ...directives: readonly string[]): void {
    const args = field.args.length === 0 ? '' : `(${field.args.map(({ name, type, defaultValue, fromContext }) => `${name}: ${type}${defaultValue === undefined ? '' : ` = ${defaultValue}`}${fromContext === undefined ? '' : ` @fromContext(field: "${fromContext}")`}`).join(', ')})`;
    this.line(typeName, field.name, [`${field.name}${args}: ${field.type}`, ...directives].join(' '));
  }

  /** An enum value, a union member or an input field. */
  line(typeName: string, name: string, text: string): void {
    this.types.get(typeName)?.lines.set(name, text);
  }

  hasField(typeName: string, name: string): boolean {
    return this.types.get(typeName)?.lines.has(name) ?? false;
  }

  fieldNames(typeName: string): string[] {
    return [...(this.types.get(typeName)?.lines.keys() ?? [])];
  }

  print(): string {
    const imports = [...IMPORTS, ...(this.atLeast(3) ? ['@interfaceObject'] : []), ...(this.atLeast(8) ? ['@context', '@fromContext'] : [])];
    const header = this.isFederation1 ? '' : `extend schema @link(url: "https://specs.apollo.dev/federation/v${this.version}", import: [${imports.map((name) => `"${name}"`).join(', ')}])\n`;
    return header + [...this.types.values()].map(printType).join('\n');
  }
}

function printType({ keyword, name, implemented, directives, lines }: TypeDraft): string {
  const head = [keyword, name, ...(implemented.size === 0 ? [] : ['implements', [...implemented].join(' & ')]), ...directives].join(' ');
  if (keyword === 'scalar') return head;
  if (keyword === 'union') return `${head} = ${[...lines.keys()].join(' | ')}`;
  return `${head} {\n${[...lines.values()].map((line) => `  ${line}`).join('\n')}\n}`;
}

/** The named type inside list and non-null marks. */
export function baseName(type: string): string {
  return type.replace(/[[\]!]/g, '');
}
