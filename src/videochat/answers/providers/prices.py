"""What the tokens of language models cost: as the settings say, else as the list of known prices says."""

from __future__ import annotations

from dataclasses import dataclass

import genai_prices

from videochat.answers.provider import Usage
from videochat.errors import ConfigurationError
from videochat.sections import AiSettings

PRICED_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Knows what tokens of one model cost at one address (None: OpenAI's own)."""

    model: str
    address: str | None
    own: tuple[float, float] | None  # US dollars for a million tokens that go in, and that come out

    @classmethod
    def from_settings(cls, ai: AiSettings) -> Prices:
        """Raises ConfigurationError when only one of the two prices is set."""
        given = [price for price in (ai.input_price, ai.output_price) if price is not None]
        if len(given) == 1:
            raise ConfigurationError("Set AI__INPUT_PRICE and AI__OUTPUT_PRICE, or neither.")
        return cls(ai.model, ai.base_url, (given[0], given[1]) if given else None)

    def usage(self, input_tokens: int, output_tokens: int) -> Usage:
        """Return what so many tokens are, with their price if it is known."""
        if self.own is None:
            return Usage(input_tokens, output_tokens, self._listed(input_tokens, output_tokens))
        cost = (input_tokens * self.own[0] + output_tokens * self.own[1]) / PRICED_TOKENS
        return Usage(input_tokens, output_tokens, cost)

    def _listed(self, input_tokens: int, output_tokens: int) -> float | None:
        """Look into the library's list. A model of the same name at an address that it does not know costs something else."""
        tokens = genai_prices.Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        try:
            if self.address is None:
                return float(genai_prices.calc_price(tokens, self.model, provider_id="openai").total_price)
            return float(genai_prices.calc_price(tokens, self.model, provider_api_url=self.address).total_price)
        except LookupError:
            return None
