"""What tests of the page share: the page of each kind of study."""

import pytest
from artists import short
from builders import STUDIES
from paged import EACH_KIND, Paged, paged


@pytest.fixture(scope="module", params=EACH_KIND)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Paged:
    """The page of each kind of study."""
    study = short(STUDIES / f"{request.param}.yaml")
    return paged(study, tmp_path_factory.mktemp(request.param))
