/** The API reference: one page for each contract, made of nothing but its SDL. */
import {
  Kind, parse, print,
  type ConstDirectiveNode, type DefinitionNode, type DirectiveDefinitionNode, type EnumTypeDefinitionNode, type FieldDefinitionNode, type InputObjectTypeDefinitionNode, type InputValueDefinitionNode,
  type InterfaceTypeDefinitionNode, type ObjectTypeDefinitionNode, type ScalarTypeDefinitionNode, type StringValueNode, type UnionTypeDefinitionNode, type ValueNode,
} from 'graphql';

/** Root types in the order they are shown, with the heading of their fields. */
const ROOTS = { Query: 'Queries', Mutation: 'Mutations', Subscription: 'Subscriptions' } as const;

type Fielded = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode;

/**
 * Writes the page of one contract as Markdown.
 * @param title name of the subgraph, or of the shared part.
 * @param source path of the SDL, as readers find it.
 * @param sdl the contract alone, without the shared definitions.
 */
export function apiReferencePage(title: string, source: string, sdl: string): string {
  const { definitions } = parse(sdl, { noLocation: true });
  const objects = definitions.filter((node): node is Fielded => node.kind === Kind.OBJECT_TYPE_DEFINITION || node.kind === Kind.INTERFACE_TYPE_DEFINITION);
  const sections = [
    `# ${title}\n\nMade from [\`${source}\`](../../${source}) by \`npm run docs\`; edit that file, not this one.`,
    ...Object.entries(ROOTS).flatMap(([root, heading]) => rootSection(heading, objects.find(({ name }) => name.value === root))),
    ...typeSections('Types', objects.filter(({ name }) => !Object.hasOwn(ROOTS, name.value)), fieldedType),
    ...typeSections('Inputs', ofKind<InputObjectTypeDefinitionNode>(definitions, Kind.INPUT_OBJECT_TYPE_DEFINITION), inputType),
    ...typeSections('Unions', ofKind<UnionTypeDefinitionNode>(definitions, Kind.UNION_TYPE_DEFINITION), ({ types = [] }) => `One of ${types.map(({ name }) => `\`${name.value}\``).join(', ')}.`),
    ...typeSections('Enums', ofKind<EnumTypeDefinitionNode>(definitions, Kind.ENUM_TYPE_DEFINITION), enumType),
    ...typeSections('Directives', ofKind<DirectiveDefinitionNode>(definitions, Kind.DIRECTIVE_DEFINITION), directive),
    ...typeSections('Scalars', ofKind<ScalarTypeDefinitionNode>(definitions, Kind.SCALAR_TYPE_DEFINITION), () => ''),
  ];
  return `${sections.join('\n\n').trim()}\n`;
}

/** The first page: what there is and where. @param pages title, file and how many root fields of each kind. */
export function apiReferenceIndex(pages: readonly { readonly title: string; readonly file: string; readonly sdl: string }[]): string {
  const count = (sdl: string, root: string): number => {
    const found = parse(sdl, { noLocation: true }).definitions.find((node) => node.kind === Kind.OBJECT_TYPE_DEFINITION && node.name.value === root);
    return found?.kind === Kind.OBJECT_TYPE_DEFINITION ? (found.fields ?? []).length : 0;
  };
  const rows = pages.map(({ title, file, sdl }) => `| [${title}](${file}) | ${Object.keys(ROOTS).map((root) => count(sdl, root)).join(' | ')} |`);
  return `# API reference

One page for each subgraph, made from its contract by \`npm run docs\`. Together they are the graph that clients see; [http.md](../http.md) says how to ask it, [errors.md](../errors.md) what can go wrong.

| contract | queries | mutations | subscriptions |
|---|---|---|---|
${rows.join('\n')}
`;
}

function ofKind<T extends DefinitionNode>(definitions: readonly DefinitionNode[], kind: T['kind']): T[] {
  return definitions.filter((node): node is T => node.kind === kind);
}

function rootSection(heading: string, type: Fielded | undefined): string[] {
  if (type === undefined || (type.fields ?? []).length === 0) return [];
  return [`## ${heading}`, ...(type.fields ?? []).map(rootField)];
}

function rootField(field: FieldDefinitionNode): string {
  const args = field.arguments ?? [];
  return [
    `### ${field.name.value}`,
    fenced(signature(field)),
    text(field.description),
    demands(field.directives),
    ...(args.length === 0 ? [] : [table(['argument', 'type', 'meaning'], args.map((argument) => [`\`${argument.name.value}\``, `\`${inputSignature(argument)}\``, cell(argument.description)]))]),
  ].filter((part) => part !== '').join('\n\n');
}

function typeSections<T extends { readonly name: { readonly value: string }; readonly description?: StringValueNode | undefined }>(heading: string, types: readonly T[], body: (type: T) => string): string[] {
  if (types.length === 0) return [];
  const sorted = [...types].sort((left, right) => (left.name.value < right.name.value ? -1 : 1));
  return [`## ${heading}`, ...sorted.map((type) => [`### ${type.name.value}`, text(type.description), body(type)].filter((part) => part !== '').join('\n\n'))];
}

function fieldedType(type: Fielded): string {
  const rows = (type.fields ?? []).map((field) => [`\`${field.name.value}\``, `\`${print(field.type)}\``, [cell(field.description), cell(argumentsOf(field)), demands(field.directives)].filter((part) => part !== '').join(' ')]);
  const kind = type.kind === Kind.INTERFACE_TYPE_DEFINITION ? 'An interface.' : '';
  const keys = (type.directives ?? []).filter(({ name }) => name.value === 'key').map((directive) => `\`${stringOf(directive, 'fields')}\``);
  const facts = [kind, (type.interfaces ?? []).length === 0 ? '' : `Implements ${(type.interfaces ?? []).map(({ name }) => `\`${name.value}\``).join(', ')}.`, keys.length === 0 ? '' : `An entity; key ${keys.join(' or ')}.`, demands(type.directives)].filter((part) => part !== '');
  return [facts.join(' '), table(['field', 'type', 'meaning'], rows)].filter((part) => part !== '').join('\n\n');
}

function argumentsOf({ arguments: args = [] }: FieldDefinitionNode): string {
  if (args.length === 0) return '';
  return `Arguments: ${args.map((argument) => `\`${argument.name.value}: ${inputSignature(argument)}\` (${lowerFirst(plain(argument.description)).replace(/\.$/, '')})`).join('; ')}.`;
}

function inputType({ fields = [] }: InputObjectTypeDefinitionNode): string {
  return table(['field', 'type', 'meaning'], fields.map((field) => [`\`${field.name.value}\``, `\`${inputSignature(field)}\``, cell(field.description)]));
}

function enumType({ values = [] }: EnumTypeDefinitionNode): string {
  return table(['value', 'meaning'], values.map((value) => [`\`${value.name.value}\``, cell(value.description)]));
}

function directive({ locations, repeatable, arguments: args = [] }: DirectiveDefinitionNode): string {
  const where = `On ${locations.map(({ value }) => `\`${value}\``).join(', ')}${repeatable ? '; may stand several times' : ''}.`;
  return [where, ...(args.length === 0 ? [] : [table(['argument', 'type', 'meaning'], args.map((argument) => [`\`${argument.name.value}\``, `\`${inputSignature(argument)}\``, cell(argument.description)]))])].join('\n\n');
}

/** What the directives demand of whoever asks, in words. */
function demands(directives: readonly ConstDirectiveNode[] = []): string {
  return directives.flatMap((directive): string[] => {
    const { value } = directive.name;
    if (value === 'authenticated') return ['Needs a login.'];
    if (value === 'requiresScopes') return [`Needs the scope ${alternatives(directive, 'scopes')}.`];
    if (value === 'policy') return [`Needs the policy ${alternatives(directive, 'policies')}.`];
    if (value === 'deprecated') return [`Deprecated: ${stringOf(directive, 'reason')}`];
    if (value === 'constitutional' && levelOf(directive) === 'CRITICAL') return ['CRITICAL: needs the constitutional hash.'];
    return [];
  }).join(' ');
}

function levelOf(directive: ConstDirectiveNode): string | undefined {
  const value = valueOf(directive, 'level');
  return value?.kind === Kind.ENUM ? value.value : undefined;
}

/** `[["a", "b"], ["c"]]` as "`a` and `b`, or `c`". */
function alternatives(directive: ConstDirectiveNode, argument: string): string {
  const value = valueOf(directive, argument);
  const groups = value?.kind === Kind.LIST ? value.values : [];
  return groups.map((group) => (group.kind === Kind.LIST ? group.values : [group]).map((one) => (one.kind === Kind.STRING ? `\`${one.value}\`` : print(one))).join(' and ')).join(', or ');
}

function stringOf(directive: ConstDirectiveNode, argument: string): string {
  const value = valueOf(directive, argument);
  return value?.kind === Kind.STRING ? value.value : '';
}

function valueOf(directive: ConstDirectiveNode, argument: string): ValueNode | undefined {
  return (directive.arguments ?? []).find(({ name }) => name.value === argument)?.value;
}

function signature({ name, arguments: args = [], type }: FieldDefinitionNode): string {
  const shown = args.map((argument) => `${argument.name.value}: ${inputSignature(argument)}`);
  const line = `${name.value}${shown.length === 0 ? '' : `(${shown.join(', ')})`}: ${print(type)}`;
  return line.length <= 100 || shown.length === 0 ? line : `${name.value}(\n${shown.map((argument) => `  ${argument}`).join('\n')}\n): ${print(type)}`;
}

function inputSignature({ type, defaultValue }: InputValueDefinitionNode): string {
  return `${print(type)}${defaultValue === undefined ? '' : ` = ${print(defaultValue)}`}`;
}

function fenced(code: string): string {
  return `\`\`\`text\n${code}\n\`\`\``;
}

function text(description: StringValueNode | undefined): string {
  return description?.value.trim() ?? '';
}

function plain(description: StringValueNode | undefined): string {
  return text(description).replaceAll(/\s+/g, ' ');
}

/** Text inside a table. */
function cell(content: StringValueNode | string | undefined): string {
  return (typeof content === 'string' ? content : plain(content)).replaceAll('|', '\\|');
}

function lowerFirst(sentence: string): string {
  return /^[A-Z][a-z]/.test(sentence) ? `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}` : sentence;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [`| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`, ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}
