/** Applies the rewrites a plan demands of what a fetch sends or receives. */
import type { FetchDataRewrite } from '@apollo/query-planner';
import { isAbstractType, isInterfaceType, isObjectType, type GraphQLSchema } from 'graphql';
import { isDataObject, ownValue, type DataObject } from './response-data.js';

const ON_TYPE = '... on ';

/**
 * Applies rewrites in their order.
 * @param value what is changed in place: a representation, or what a subgraph answered.
 */
export function applyRewrites(schema: GraphQLSchema, rewrites: readonly FetchDataRewrite[], value: unknown): void {
  for (const rewrite of rewrites) {
    const field = rewrite.path.at(-1);
    if (field === undefined) continue;
    forEachAt(schema, rewrite.path.slice(0, -1), value, (object) => {
      if (rewrite.kind === 'ValueSetter') {
        object[field] = rewrite.setValueTo;
      } else if (Object.hasOwn(object, field)) {
        object[rewrite.renameKeyTo] = object[field];
        delete object[field];
      }
    });
  }
}

/** The response name under which a renamed field is known to the client. */
export function renamedKey(rewrites: readonly FetchDataRewrite[], name: string | number): string | number {
  const renamer = rewrites.find((rewrite) => rewrite.kind === 'KeyRenamer' && rewrite.path.at(-1) === name);
  return renamer?.kind === 'KeyRenamer' ? renamer.renameKeyTo : name;
}

function forEachAt(schema: GraphQLSchema, path: readonly string[], value: unknown, change: (object: DataObject) => void): void {
  if (Array.isArray(value)) {
    for (const element of value) forEachAt(schema, path, element, change);
    return;
  }
  if (!isDataObject(value)) return;
  const [first, ...rest] = path;
  if (first === undefined) {
    change(value);
  } else if (!first.startsWith(ON_TYPE)) {
    forEachAt(schema, rest, ownValue(value, first), change);
  } else if (value['__typename'] === undefined || isOfType(schema, value['__typename'], first.slice(ON_TYPE.length))) {
    forEachAt(schema, rest, value, change);
  }
}

/** True when a type of that name is the condition's type or one of its possible types. */
export function isOfType(schema: GraphQLSchema, typeName: unknown, condition: string): boolean {
  if (typeName === condition) return true;
  if (typeof typeName !== 'string') return false;
  const type = schema.getType(typeName);
  const wanted = schema.getType(condition);
  return isAbstractType(wanted) && (isObjectType(type) || isInterfaceType(type)) && schema.isSubType(wanted, type);
}
