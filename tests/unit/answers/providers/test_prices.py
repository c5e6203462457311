"""What answers cost."""

from __future__ import annotations

import pytest

from videochat.answers.provider import Usage
from videochat.answers.providers.prices import Prices
from videochat.errors import ConfigurationError
from videochat.sections import AiSettings


def test_prices_of_the_settings_count_before_the_listed_ones() -> None:
    """Dollars for a million tokens, in and out apart; free is a price too."""
    prices = Prices.from_settings(AiSettings(model="gpt-4o-mini", input_price=2, output_price=10))
    assert prices.usage(1_000, 500) == Usage(1_000, 500, cost_usd=pytest.approx(0.007))
    free = Prices.from_settings(AiSettings(input_price=0, output_price=0))
    assert free.usage(1_000, 500).cost_usd == 0


def test_a_well_known_model_has_its_listed_price() -> None:
    """At OpenAI's own address, and at those of others that the list knows; twice the tokens cost twice as much."""
    once, twice = (Prices.from_settings(AiSettings(model="gpt-4o-mini")).usage(n, n).cost_usd for n in (1_000, 2_000))
    assert once is not None
    assert once > 0
    assert twice == pytest.approx(2 * once)
    other = Prices.from_settings(AiSettings(model="deepseek-chat", base_url="https://api.deepseek.com/v1"))
    assert other.usage(1_000, 1_000).cost_usd


@pytest.mark.parametrize(
    "ai", [AiSettings(model="our-own"), AiSettings(model="gpt-4o-mini", base_url="http://127.0.0.1:1/v1")]
)
def test_what_nobody_knows_has_no_price(ai: AiSettings) -> None:
    """An unknown model, and a well-known name at an address that the list does not know: no price is better than a wrong one."""
    usage = Prices.from_settings(ai).usage(1_000, 1_000)
    assert usage.cost_usd is None
    assert usage.as_json() == {"input_tokens": 1_000, "output_tokens": 1_000}


def test_half_a_price_is_refused() -> None:
    """One of the two prices alone would count the other half as free."""
    with pytest.raises(ConfigurationError, match="AI__OUTPUT_PRICE"):
        Prices.from_settings(AiSettings(input_price=1))
