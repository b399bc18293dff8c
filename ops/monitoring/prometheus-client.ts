/** The few calls of Prometheus's HTTP API that the tools and tests need. */

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Seconds since the epoch, and the value as text. */
  readonly values: readonly (readonly [at: number, value: string])[];
}

interface Answer { readonly status: string; readonly error?: string; readonly data: { readonly result: readonly { metric: Record<string, string>; values?: [number, string][]; value?: [number, string] }[] } }

/** Values of an expression now. @throws Error with what Prometheus says. */
export function query(prometheusUrl: string, expression: string): Promise<Series[]> {
  return ask(`${prometheusUrl}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`);
}

/** Values over a range. @param range.step seconds between two points. @throws Error with what Prometheus says. */
export function queryRange(prometheusUrl: string, expression: string, { start, end, step }: { readonly start: number; readonly end: number; readonly step: number }): Promise<Series[]> {
  return ask(`${prometheusUrl}/api/v1/query_range?${new URLSearchParams({ query: expression, start: String(start), end: String(end), step: String(step) }).toString()}`);
}

async function ask(url: string): Promise<Series[]> {
  const { status, error, data } = await (await fetch(url)).json() as Answer;
  if (status !== 'success') throw new Error(`Prometheus refused ${decodeURIComponent(url)}: ${error ?? status}`);
  return data.result.map(({ metric, values, value }) => ({ metric, values: values ?? (value === undefined ? [] : [value]) }));
}

/** True when some value is a number that is finite. */
export function hasData(series: readonly Series[]): boolean {
  return series.some(({ values }) => values.some(([, value]) => Number.isFinite(Number(value))));
}
