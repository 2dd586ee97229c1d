"""The answers of the service, as OpenAPI describes them."""

from typing import Literal

from pydantic import BaseModel, Field

from cellmark.reading.code import Engine

Point = tuple[float, float]


class FoundCode(BaseModel):
    """Cells that belong together: an entry of ``predictions.json``."""

    file_name: str = Field(description="always `-`: the picture came without a name")
    image_id: int = Field(description="always 1")
    category_id: int = Field(description="always 1: a DataMatrix code")
    keypoints: list[int | float] = Field(description="x, y, v of each cell in pixels; v = 2 black, 1 white")
    keypoint_scores: list[float] = Field(description="score of each cell in 0..1")
    score: float = Field(description="mean of them")
    bbox: tuple[float, float, float, float] = Field(description="left, top, width, height around the centres")


class ReadCode(BaseModel):
    """A code that was read, or why nothing was: a line of ``cellmark read``."""

    file: str = Field(description="always `-`: the picture came without a name")
    text: str | None = Field(description="the payload; `hex:` and digits where it is no text; null: nothing was read")
    rows: int | None = Field(description="cells of the symbol, finder included")
    cols: int | None
    corners: tuple[Point, Point, Point, Point] | None = Field(
        description="outer corners in pixels of the picture, upper left first, on along the upper side"
    )
    cells_found: int | None = Field(description="cells that the network saw")
    errors_corrected: int | None = Field(description="codewords corrected or given up")
    seconds: float = Field(description="for decoding and reading the picture, without waiting for its turn")
    engine: Engine | None = Field(default=None, description="who read it; only where something was read")
    reason: str | None = Field(default=None, description="why nothing was read; only there")


class Health(BaseModel):
    """How the service is."""

    status: Literal["ok", "draining"]
    version: str = Field(description="of cellmark")
    model: str = Field(description="file name of the checkpoint; `default` for the weights of the package")
    device: str


class Problem(BaseModel):
    """Why a request got no other answer."""

    detail: str
