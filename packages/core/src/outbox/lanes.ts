/** Order of lanes by their shares: smooth weighted round robin. */
export interface LaneRotation {
  /** Orders lanes for the next turn: the one whose turn it is first, the others by their weight. */
  next(among?: (lane: string) => boolean): readonly string[];
}

/**
 * Creates a rotation. Over many turns each lane comes first in proportion to its weight among those that are asked for.
 *
 * @param weights Weight by lane. Range: above 0.
 */
export function createLaneRotation(weights: Readonly<Record<string, number>>): LaneRotation {
  const lanes = Object.entries(weights)
    .map(([name, weight]) => ({ name, weight, credit: 0 }))
    .sort((one, other) => other.weight - one.weight);
  return {
    next(among = () => true) {
      const asked = lanes.filter(({ name }) => among(name));
      let first = asked[0];
      if (first === undefined) return [];
      let sum = 0;
      for (const lane of asked) {
        sum += lane.weight;
        lane.credit += lane.weight;
        if (lane.credit > first.credit) first = lane;
      }
      first.credit -= sum;
      const chosen = first;
      return [chosen.name, ...asked.filter((lane) => lane !== chosen).map(({ name }) => name)];
    },
  };
}
