/** What the demonstration reads from the environment. */

/** Environment for the processes the demonstration starts. */
export function demoEnvironment(): Record<string, string | undefined> {
  return { PATH: process.env['PATH'], HOME: process.env['HOME'], DATABASE_URL: process.env['DATABASE_URL'], REDIS_URL: process.env['REDIS_URL'] };
}
