/** Use cases of models: register a version, move an alias. */
import type { SubgraphContext } from '../kernel/context.js';
import { isUniqueViolation } from '../kernel/database.js';
import { conflict, expectVersion, invalidInput, notFound } from '../kernel/refusals.js';
import { checkDraft, failingGates, isAliasName, lineageProblem, stageOfAlias, type ModelAlias, type ModelDraft, type ModelVersion } from './domain-models.js';
import { modelAliasSet, modelVersionRegistered } from './events.js';
import type { EvolutionParts } from './service-unit.js';

type Maybe<T> = T | null | undefined;

export class ModelService {
  constructor(private readonly parts: Pick<EvolutionParts, 'deps' | 'models'>) {}

  async register(context: SubgraphContext, draft: ModelDraft, idempotencyKey: Maybe<string>): Promise<{ id: string }> {
    const { deps, models } = this.parts;
    const { id: registeredById } = context.requireScope('model:write');
    return deps.commands.run(context, { field: 'registerModelVersion', idempotencyKey, input: draft }, async (unit) => {
      const checked = checkDraft(draft);
      if ('problem' in checked) throw invalidInput(checked.problem, checked.field);
      const { id, semver } = checked;
      if ((await models.find(unit.tx, id)) !== null) throw exists(id);
      if (draft.parentId !== null) {
        const parent = await models.find(unit.tx, draft.parentId);
        if (parent === null) throw notFound('Model version', draft.parentId);
        const problem = lineageProblem({ name: draft.name, semver }, parent);
        if (problem !== null) throw invalidInput(problem, 'input.version');
      }
      const version: ModelVersion = { ...draft, id, registeredById, registeredAt: unit.now.toISOString(), constitutionalHash: unit.constitutionalHash };
      try {
        await models.insert(unit.tx, version, semver);
      } catch (error) {
        throw isUniqueViolation(error) ? exists(id) : error;
      }
      unit.emit(modelVersionRegistered(version));
      return { id };
    });
  }

  async setAlias(context: SubgraphContext, args: { readonly modelVersionId: string; readonly alias: string; readonly idempotencyKey?: Maybe<string>; readonly expectedVersion?: Maybe<number> }): Promise<{ modelName: string; alias: string }> {
    const { deps, models } = this.parts;
    const { id: setById } = context.requireScope('model:write');
    const { modelVersionId, alias, idempotencyKey, expectedVersion } = args;
    const command = { field: 'setModelAlias', idempotencyKey, input: { modelVersionId, alias, expectedVersion: expectedVersion ?? null } };
    return deps.commands.run(context, command, async (unit) => {
      if (!isAliasName(alias)) throw invalidInput('An alias has 1 to 32 lower-case letters, digits and hyphens, and begins with a letter.', 'alias');
      const version = await models.find(unit.tx, modelVersionId);
      if (version === null) throw notFound('Model version', modelVersionId);
      const current = await models.lockAlias(unit.tx, version.name, alias);
      expectVersion('Alias', `${version.name}:${alias}`, current?.revision ?? 0, expectedVersion);
      const failing = failingGates(version, stageOfAlias(alias));
      if (failing !== null) throw conflict(failing);
      if (current?.versionId === version.id) throw conflict(`${alias} points at ${version.id} already.`);
      const moved: ModelAlias = {
        modelName: version.name, alias, versionId: version.id, previousVersionId: current?.versionId ?? null,
        revision: (current?.revision ?? 0) + 1, setById, setAt: unit.now.toISOString(),
      };
      await models.putAlias(unit.tx, moved, unit.constitutionalHash);
      unit.emit(modelAliasSet(moved));
      return { modelName: moved.modelName, alias };
    });
  }
}

function exists(id: string): Error {
  return conflict(`${id} is registered already, and a model version never changes.`, 'ALREADY_EXISTS');
}
