// lawful
import { read } from './store.js';
export const decide = read;
