/** The validation rules beside those of the GraphQL specification; every way of validating a document has them. */
import type { ValidationRule } from 'graphql';
import { deferLabelsRule, deferPlacesRule } from './defer-rules.js';
import { reservedNamesRule } from './limits.js';

export const FURTHER_RULES: readonly ValidationRule[] = [reservedNamesRule, deferLabelsRule, deferPlacesRule];
