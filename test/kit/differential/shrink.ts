/** Makes a failing operation as small as it can be while it still fails. */
import { Kind, validate, visit, type ASTNode, type DocumentNode, type GraphQLSchema } from 'graphql';

/** Operations tried at most; each is planned and run. */
const MAX_TRIALS = 400;

/**
 * Drops selections, directives, arguments, variables and fragments greedily.
 * @param fails true when an operation still shows the fault.
 */
export async function shrinkOperation(schema: GraphQLSchema, document: DocumentNode, fails: (document: DocumentNode) => Promise<boolean>): Promise<DocumentNode> {
  let smallest = document;
  let trials = 0;
  let at = 0;
  while (trials < MAX_TRIALS) {
    const smaller = withoutPart(smallest, at);
    if (smaller === undefined) break;
    trials += 1;
    const tidy = withoutUnused(smaller);
    if (validate(schema, tidy, undefined, { maxErrors: 1 }).length === 0 && await fails(tidy)) smallest = tidy;
    else at += 1;
  }
  return smallest;
}

/** The document without its n-th removable part, counted from the outside in; undefined when it has no such part. */
function withoutPart(document: DocumentNode, n: number): DocumentNode | undefined {
  let seen = -1;
  let removed = false;
  const take = (): null | undefined => {
    seen += 1;
    if (removed || seen !== n) return undefined;
    removed = true;
    return null;
  };
  const result = visit(document, {
    enter(node: ASTNode, _key, parent): ASTNode | null | undefined {
      switch (node.kind) {
        case Kind.FIELD:
        case Kind.FRAGMENT_SPREAD:
        case Kind.INLINE_FRAGMENT: return Array.isArray(parent) && parent.length > 1 ? take() : undefined;
        case Kind.DIRECTIVE:
        case Kind.ARGUMENT: return take();
        default: return undefined;
      }
    },
  });
  return removed ? result : undefined;
}

function withoutUnused(document: DocumentNode): DocumentNode {
  const spreads = new Set<string>();
  const variables = new Set<string>();
  visit(document, {
    FragmentSpread(node) { spreads.add(node.name.value); },
    VariableDefinition() { return false; },
    Variable(node) { variables.add(node.name.value); },
  });
  const result = visit(document, {
    FragmentDefinition: (node) => (spreads.has(node.name.value) ? undefined : null),
    VariableDefinition: (node) => (variables.has(node.variable.name.value) ? undefined : null),
  });
  return result.definitions.length === document.definitions.length ? result : withoutUnused(result);
}
