/** The data a plan gathers: reached by paths, completed by merging what each fetch brings. */

/** An object parsed from a subgraph's answer. Its own keys are response names. */
export type DataObject = Record<string, unknown>;

/** A place in the response, list indexes included. */
export type ResponsePath = readonly (string | number)[];

/** Tells objects from lists, null and leaves. */
export function isDataObject(value: unknown): value is DataObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Own value under a key; names such as `constructor` are legal aliases and must not reach the prototype. Parsed data holds
 * no functions, and what an object inherits is functions but for `__proto__`, so that most look-ups need no second one.
 */
export function ownValue(object: DataObject, key: string): unknown {
  const value = object[key];
  return (typeof value !== 'function' && key !== '__proto__') || Object.hasOwn(object, key) ? value : undefined;
}

/** Every object at a path, in document order, with its place; what is null or absent on the way is left out. */
export function placesAt(root: DataObject, path: readonly string[]): { readonly object: DataObject; readonly path: ResponsePath }[] {
  let places: { value: unknown; path: ResponsePath }[] = [{ value: root, path: [] }];
  const intoLists = (): void => {
    places = places.flatMap(({ value, path: at }) => (Array.isArray(value) ? value.map((element: unknown, index) => ({ value: element, path: [...at, index] })) : [{ value, path: at }]));
  };
  for (const part of path) {
    if (part === '@') {
      places = places.filter(({ value }) => Array.isArray(value));
      intoLists();
    } else {
      places = places.flatMap(({ value, path: at }) => (isDataObject(value) ? [{ value: ownValue(value, part), path: [...at, part] }] : []));
    }
  }
  while (places.some(({ value }) => Array.isArray(value))) intoLists();
  return places.flatMap(({ value, path: at }) => (isDataObject(value) ? [{ object: value, path: at }] : []));
}

/** The objects among values, those in lists included. */
export function flattened(values: readonly unknown[]): DataObject[] {
  const objects: DataObject[] = [];
  for (const value of values) {
    if (Array.isArray(value)) objects.push(...flattened(value));
    else if (isDataObject(value)) objects.push(value);
  }
  return objects;
}

/**
 * Completes an object with what another fetch brought: objects and lists are merged, anything else is taken over.
 * @param keepTypename tells whether the type name the target has is to stay: an interface object's name must not replace an object type's.
 */
export function mergeInto(target: DataObject, source: DataObject, keepTypename: (name: unknown) => boolean): void {
  for (const key of Object.keys(source)) {
    const value = source[key];
    if (value === undefined || key === '__proto__') continue;
    const present = ownValue(target, key);
    if (present !== value) mergeValue(target, key, present, value, keepTypename);
  }
}

/**
 * Completes one value of an object, or replaces it.
 * @param present what is there, which is not `value`; undefined for nothing.
 */
export function mergeValue(target: DataObject, key: string, present: unknown, value: unknown, keepTypename: (name: unknown) => boolean): void {
  if (typeof present === 'object' && present !== null && typeof value === 'object' && value !== null) {
    if (Array.isArray(present)) {
      if (Array.isArray(value)) mergeLists(present, value, keepTypename);
      else target[key] = value;
    } else if (Array.isArray(value)) {
      target[key] = value;
    } else {
      mergeInto(present as DataObject, value as DataObject, keepTypename);
    }
  } else if (key !== '__typename' || present === undefined || !keepTypename(present)) {
    target[key] = value;
  }
}

function mergeLists(target: unknown[], source: readonly unknown[], keepTypename: (name: unknown) => boolean): void {
  source.forEach((value, index) => {
    const present = target[index];
    if (present === value) return;
    if (isDataObject(present) && isDataObject(value)) mergeInto(present, value, keepTypename);
    else if (Array.isArray(present) && Array.isArray(value)) mergeLists(present, value, keepTypename);
    else target[index] = value;
  });
}
