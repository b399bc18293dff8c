/** Finds the objects of a written part that have fragments still to come. */
import { isDataObject, ownValue, type DataObject, type ResponsePath } from '../plan/response-data.js';
import type { DeferredSelection, SelectionSite, TypeShape } from '../response/response-shape.js';

/** One object with one fragment to come. */
export interface DeferredPlace {
  readonly selection: DeferredSelection;
  readonly object: DataObject;
  /** Type of the object as far as it is known; another fetch may bring the type behind an interface's name. */
  readonly typeName: string;
  readonly path: ResponsePath;
}

/**
 * Finds the places, in the order of the response.
 * @param written the part as the client got it; undefined when it has everything the data has. What is null there has nothing to come.
 * @param most places that are looked for.
 */
export function deferredPlaces(site: SelectionSite, object: DataObject, written: unknown, path: ResponsePath, most: number): DeferredPlace[] {
  const found: DeferredPlace[] = [];
  const inObject = (at: SelectionSite, value: DataObject, shown: unknown, here: ResponsePath): void => {
    if (found.length >= most) return;
    const typeName = value['__typename'];
    const shape = at.shapeFor(typeof typeName === 'string' ? typeName : undefined);
    if (shape === undefined) return;
    for (const selection of shape.deferred ?? []) found.push({ selection, object: value, typeName: shape.typeName, path: here });
    for (const { source, responseName, type } of shape.fields) {
      if (source === 'data') inValue(type, ownValue(value, responseName), isDataObject(shown) ? ownValue(shown, responseName) : shown, [...here, responseName]);
    }
  };
  const inValue = (type: TypeShape, value: unknown, shown: unknown, here: ResponsePath): void => {
    if (shown === null || type.kind === 'leaf') return;
    if (type.kind === 'object') {
      if (isDataObject(value)) inObject(type.site, value, shown, here);
    } else if (Array.isArray(value)) {
      value.forEach((element: unknown, index) => inValue(type.of, element, Array.isArray(shown) ? shown[index] : shown, [...here, index]));
    }
  };
  if (written !== null) inObject(site, object, written, path);
  return found.slice(0, most);
}
