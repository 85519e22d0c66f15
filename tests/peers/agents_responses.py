"""openai-agents over the Responses API's WebSocket: python agents_responses.py BASE_URL prints the answers as JSON."""

import asyncio
import json
import sys

from agents import Agent, Runner, function_tool, set_tracing_disabled
from agents.models.openai_responses import OpenAIResponsesWSModel
from openai import AsyncOpenAI


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


async def main(base_url):
    set_tracing_disabled(True)
    async with AsyncOpenAI(base_url=base_url, api_key="any") as client:
        model = OpenAIResponsesWSModel(model="m", openai_client=client)
        agent = Agent(name="helper", instructions="Be brief.", tools=[get_weather], model=model)
        whole = await Runner.run(agent, "get_weather in Oslo")
        streamed = Runner.run_streamed(agent, "get_weather in Rome")
        kinds = [event.type async for event in streamed.stream_events()]
        print(json.dumps([whole.final_output, streamed.final_output, "raw_response_event" in kinds]))


asyncio.run(main(sys.argv[1]))
