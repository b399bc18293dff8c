/** Writes a response field by field with full error handling: null bubbling, and an error for every value that does not fit. */
import { leafText } from './leaf-text.js';
import { isDataObject, ownValue, type DataObject, type ResponsePath } from '../plan/response-data.js';
import type { FieldShape, ObjectShape, SelectionSite, TypeShape } from './response-shape.js';

/** A value that does not fit its type, or a null where none may be. */
export interface Misfit {
  readonly path: ResponsePath;
  readonly message: string;
}

/** What was written. */
export interface WrittenData {
  /** JSON; `null` when a null reached the root. */
  readonly text: string;
  readonly misfits: readonly Misfit[];
}

/** The JSON of `__schema` or `__type`; undefined when it is null. */
export type Introspect = (field: FieldShape) => string | undefined;

/** Stands for a null that may not be where it is. */
const BUBBLE = Symbol('bubble');
/** Misfits reported of one response; more are nulls all the same. */
const MAX_MISFITS = 100;

/** Writes the data of a response (GraphQL specification, section 6.4.3 and 6.4.4). */
export function writeCarefully(root: SelectionSite, data: DataObject, introspect: Introspect): WrittenData {
  const writer = new CarefulWriter(introspect);
  const shape = root.shapeFor(undefined);
  const text = shape === undefined ? BUBBLE : writer.object(shape, data);
  return { text: text === BUBBLE ? 'null' : text, misfits: writer.misfits };
}

class CarefulWriter {
  readonly misfits: Misfit[] = [];
  private readonly path: (string | number)[] = [];

  constructor(private readonly introspect: Introspect) {}

  object(shape: ObjectShape, object: DataObject): string | typeof BUBBLE {
    let text = '{';
    for (const field of shape.fields) {
      const value = this.field(shape, field, object);
      if (value === BUBBLE) return BUBBLE;
      text += `${text === '{' ? '' : ','}${JSON.stringify(field.responseName)}:${value}`;
    }
    return `${text}}`;
  }

  private field(shape: ObjectShape, field: FieldShape, object: DataObject): string | typeof BUBBLE {
    this.path.push(field.responseName);
    const text = this.fieldValue(shape, field, object);
    this.path.pop();
    return text;
  }

  private fieldValue(shape: ObjectShape, field: FieldShape, object: DataObject): string | typeof BUBBLE {
    switch (field.source) {
      case 'typename':
        return shape.isObject ? `"${shape.typeName}"` : this.misfit('The type of an object is not known.');
      case 'introspection':
        return this.introspect(field) ?? 'null';
      case 'refused':
        return field.type.nonNull ? this.misfit(`Cannot return null for the refused field ${field.parentType}.${field.fieldName}.`) : 'null';
      default:
        return this.value(field.type, ownValue(object, field.responseName), field);
    }
  }

  private value(type: TypeShape, value: unknown, field: FieldShape): string | typeof BUBBLE {
    if (value === null || value === undefined) {
      return type.nonNull ? this.misfit(`Cannot return null for non-nullable field ${field.parentType}.${field.fieldName}.`) : 'null';
    }
    const text = this.present(type, value, field);
    return text === BUBBLE && !type.nonNull ? 'null' : text;
  }

  private present(type: TypeShape, value: unknown, field: FieldShape): string | typeof BUBBLE {
    switch (type.kind) {
      case 'leaf': {
        const text = leafText(type.leaf, type.values, value);
        return text ?? this.misfit(`A subgraph sent a value for ${field.parentType}.${field.fieldName} that is not of type ${type.typeName}.`);
      }
      case 'list':
        return Array.isArray(value) ? this.list(type.of, value, field) : this.misfit(`A subgraph sent a value for ${field.parentType}.${field.fieldName} that is not a list.`);
      default: {
        const typeName = isDataObject(value) ? value['__typename'] : undefined;
        const shape = isDataObject(value) && (typeName === undefined || typeof typeName === 'string') ? type.site.shapeFor(typeName) : undefined;
        if (shape === undefined || !isDataObject(value)) return this.misfit(`A subgraph sent a value for ${field.parentType}.${field.fieldName} that is not an object of type ${type.site.type.name}.`);
        return this.object(shape, value);
      }
    }
  }

  private list(of: TypeShape, values: readonly unknown[], field: FieldShape): string | typeof BUBBLE {
    const texts: string[] = [];
    let bubbles = false;
    for (let index = 0; index < values.length; index += 1) {
      this.path.push(index);
      const text = this.value(of, values[index], field);
      this.path.pop();
      // The other elements are read on: each null that may not be has its own error.
      if (text === BUBBLE) bubbles = true;
      else texts.push(text);
    }
    return bubbles ? BUBBLE : `[${texts.join(',')}]`;
  }

  private misfit(message: string): typeof BUBBLE {
    if (this.misfits.length < MAX_MISFITS) this.misfits.push({ path: [...this.path], message });
    return BUBBLE;
  }
}
