"""What is seen: the Streamlit studio."""
