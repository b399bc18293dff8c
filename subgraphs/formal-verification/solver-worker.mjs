// The solver process: loads Z3, answers one problem at a time over IPC, and ends itself above its memory limit.
// Plain JavaScript so that sources, tests and the compiled tree fork the same file.
import { init } from 'z3-solver';

const [, , memoryLimitMb = '1024'] = process.argv;
const WATCH_MS = 100;
const OUT_OF_MEMORY = /out of memory|memory limit|max\. memory/i;

const { Z3, em } = await init();
// Z3 refuses to grow beyond this; the process as a whole, its engine included, is watched below.
Z3.global_param_set('memory_max_size', memoryLimitMb);

function newContext() {
  const config = Z3.mk_config();
  const context = Z3.mk_context(config);
  Z3.del_config(config);
  return context;
}

/**
 * What Z3 prints; a failure it throws instead of printing counts the same.
 * The package's own `eval_smtlib2_string` puts the text on a stack that it gives back before the solver's thread has read it,
 * so that now and then another text is solved. Here the text stays in the heap until the answer is there.
 */
async function evaluate(context, text) {
  const bytes = Buffer.from(`${text}\0`);
  const address = em._malloc(bytes.length);
  try {
    // Reading makes the module see memory that other threads have added.
    em.UTF8ToString(address, 1);
    em.HEAPU8.set(bytes, address);
    if (em.UTF8ToString(address) !== text) throw new Error('The text did not reach the solver unaltered.');
    return await em.async_call(() => em._async_Z3_eval_smtlib2_string(context, address));
  } catch (error) {
    return `(error ${JSON.stringify(error instanceof Error ? error.message : String(error))})`;
  } finally {
    em._free(address);
  }
}

async function solve({ script, constants }) {
  const context = newContext();
  try {
    const lines = (await evaluate(context, script)).split('\n').map((line) => line.trim()).filter((line) => line !== '');
    const complaint = lines.find((line) => !['sat', 'unsat', 'unknown'].includes(line));
    // After a complaint Z3 goes on without the command it did not take: what it says then is about another problem.
    if (complaint !== undefined) return OUT_OF_MEMORY.test(complaint) ? { outcome: 'memory' } : { outcome: 'refused', message: complaint };
    if (lines.length !== 1) return { outcome: 'refused', message: `expected one answer, got ${lines.length}` };
    if (lines[0] === 'unsat') return { outcome: 'unsat' };
    if (lines[0] === 'unknown') {
      const info = await evaluate(context, '(get-info :reason-unknown)');
      const reason = /"([^"]*)"/.exec(info)?.[1] ?? info.trim();
      return OUT_OF_MEMORY.test(reason) ? { outcome: 'memory' } : { outcome: 'unknown', reason };
    }
    const values = constants.length === 0 ? null : await evaluate(context, `(get-value (${constants.join(' ')}))`);
    return { outcome: 'sat', values: values === null || values.startsWith('(error') ? null : values };
  } finally {
    Z3.del_context(context);
  }
}

process.on('message', (message) => {
  solve(message).then(
    (answer) => process.send({ id: message.id, answer }),
    (error) => {
      process.send({ id: message.id, answer: { outcome: 'crashed', detail: String(error) } }, () => process.exit(1));
    },
  );
});
process.on('disconnect', () => process.exit(0));
setInterval(() => {
  if (process.memoryUsage.rss() > Number(memoryLimitMb) * 1024 * 1024) process.send({ memory: true }, () => process.exit(1));
}, WATCH_MS).unref();

process.send({ ready: true, version: Z3.get_full_version() });
