#!/usr/bin/env node
/** `acgs`: the control plane at the terminal. */
import module from 'node:module';

// Node 22 keeps compiled modules; Node 20 has no such cache.
const { enableCompileCache } = module as { enableCompileCache?: () => unknown };
enableCompileCache?.();

const { main } = await import('./program.js');
process.exitCode = await main(process.argv.slice(2));
