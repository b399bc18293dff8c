// Runs planner-worker.ts from its source: tests and tools that were not compiled start this file instead of the compiled module.
import { register } from 'tsx/esm/api';

register();
await import('./planner-worker.ts');
