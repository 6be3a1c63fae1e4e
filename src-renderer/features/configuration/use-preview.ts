import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';

const TYPING_MS = 200;

/**
 * A question to the engine about what is being typed: asked when the typing pauses; the last answer stays until the next one
 * is there. Not asked while `input` is null.
 */
export function usePreview<Input, Answer>(
  what: string,
  input: Input | null,
  ask: (input: Input) => Promise<Answer>,
): UseQueryResult<Answer> {
  const [settled] = useDebouncedValue(JSON.stringify(input), TYPING_MS);
  return useQuery({
    queryKey: ['lab', 'form', what, settled],
    queryFn: () => ask(JSON.parse(settled) as Input),
    enabled: settled !== 'null',
    placeholderData: keepPreviousData,
    gcTime: 0,
    retry: false,
  });
}
