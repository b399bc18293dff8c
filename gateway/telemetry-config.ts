/** Switches off everything the Apollo libraries would report; imported before anything that loads them. */
process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';
// A key in the environment would turn usage reporting on: nothing leaves the machine, whatever is set around the process.
for (const name of ['APOLLO_KEY', 'APOLLO_GRAPH_REF', 'APOLLO_GRAPH_ID', 'APOLLO_GRAPH_VARIANT', 'APOLLO_SCHEMA_REPORTING']) delete process.env[name];
