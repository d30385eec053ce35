# Configures and builds one preset, as a test of the release tree: cmake -DPRESET=wasm -DTARGETS=core_tests -P build_preset.cmake

cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source_dir)
if(NOT EXISTS ${source_dir}/build/${PRESET}/build.ninja)
    execute_process(COMMAND ${CMAKE_COMMAND} --preset ${PRESET}
        WORKING_DIRECTORY ${source_dir} COMMAND_ERROR_IS_FATAL ANY)
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build --preset ${PRESET} --target ${TARGETS}
    WORKING_DIRECTORY ${source_dir} COMMAND_ERROR_IS_FATAL ANY)
