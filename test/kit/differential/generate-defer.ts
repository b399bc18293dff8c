/** Puts `@defer` at random places of an operation, on its own fragments and on new ones around some of its selections. */
import { Kind, visit, type DirectiveNode, type DocumentNode, type FragmentSpreadNode, type InlineFragmentNode } from 'graphql';
import type { Random } from './random.js';

const DEFER: DirectiveNode = { kind: Kind.DIRECTIVE, name: { kind: Kind.NAME, value: 'defer' } };
const FRAGMENT_SHARE = 0.5;
const SELECTION_SHARE = 0.3;

/** The document means the same without the directive. */
export function withRandomDefers(random: Random, document: DocumentNode): DocumentNode {
  const onFragment = <T extends InlineFragmentNode | FragmentSpreadNode>(node: T): T | undefined => (random.chance(FRAGMENT_SHARE) ? { ...node, directives: [...(node.directives ?? []), DEFER] } : undefined);
  return visit(document, {
    InlineFragment: { leave: onFragment },
    FragmentSpread: { leave: onFragment },
    SelectionSet: {
      leave(node) {
        if (!random.chance(SELECTION_SHARE)) return undefined;
        const kept = random.int(0, node.selections.length - 1);
        const deferred: InlineFragmentNode = { kind: Kind.INLINE_FRAGMENT, directives: [DEFER], selectionSet: { kind: Kind.SELECTION_SET, selections: node.selections.slice(kept) } };
        return { ...node, selections: [...node.selections.slice(0, kept), deferred] };
      },
    },
  });
}
